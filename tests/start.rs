//! Starting, stopping, and what a second start hears.

use std::time::Duration;

use crate::hospital::{ADMIN_PASSWORD, Hospital, galen};
use crate::world::{doctor, eventually, patient, tomorrow};

/// Stops cleanly, starts again in time on the same directory, keeps what it had.
pub(crate) async fn a_restart_keeps_everything() {
    let mut hospital = Hospital::fresh();
    let id = patient(&hospital.admin().await).await;
    assert!(hospital.stop(), "a clean stop ends with 0");
    let took = hospital.start();
    // The promise is two seconds for a release build; this is a debug build on a busy machine.
    assert!(took < Duration::from_secs(10), "{took:?}");
    let reply = hospital
        .admin()
        .await
        .get(&format!("/api/v1/patients/{id}"))
        .await
        .expect("an answer");
    assert_eq!(reply.status.as_u16(), 200);
    let (green, report) = hospital.verify();
    assert!(green, "{report}");
}

/// One directory, one hospital.
pub(crate) async fn a_second_start_on_a_directory_is_refused() {
    let hospital = Hospital::fresh();
    let output = galen()
        .args([
            "up",
            "--listen",
            "127.0.0.1:0",
            "--ops-listen",
            "127.0.0.1:0",
            "--data-dir",
        ])
        .arg(hospital.dir())
        .output()
        .expect("galen runs");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("in use"), "{said}");
}

/// A stopped hospital is verified as well, and left stopped.
pub(crate) async fn a_stopped_hospital_can_be_verified() {
    let mut hospital = Hospital::fresh();
    assert!(hospital.stop());
    let (green, report) = hospital.verify();
    assert!(green, "{report}");
}

/// A wrong setting stops the start and is named; its value is not repeated.
pub(crate) async fn a_wrong_setting_is_named() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("galen.toml");
    std::fs::write(&file, "[notifications]\nsmtp_hosst = \"secret-value\"\n").expect("writable");
    let output = galen()
        .args(["up", "--listen", "127.0.0.1:0"])
        .args(["--ops-listen", "127.0.0.1:0", "--config"])
        .arg(&file)
        .arg("--data-dir")
        .arg(dir.path().join("data"))
        .output()
        .expect("galen runs");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("notifications.smtp_hosst"), "{said}");
    assert!(!said.contains("secret-value"), "{said}");
}

/// The operator replays the log into a new read model; the old one answers until then,
/// and the new one says the same.
pub(crate) async fn a_read_model_is_rebuilt_while_it_answers() {
    let hospital = Hospital::fresh();
    let admin = hospital.admin().await;
    let practitioner = doctor(&admin, 2).await;
    let slots = format!(
        "/api/v1/slots?practitionerId={practitioner}&from={}&to={}&serviceType=CONSULTATION",
        tomorrow(0),
        tomorrow(120)
    );
    let before = eventually("the doctor is free", async || {
        let reply = admin.get(&slots).await.map_err(|e| e.to_string())?;
        let page: serde_json::Value = reply.success().map_err(|e| e.to_string())?;
        let free = page["items"]
            .as_array()
            .is_some_and(|items| !items.is_empty());
        if free {
            Ok(page)
        } else {
            Err(page.to_string())
        }
    })
    .await;
    let projections = |args: &[&str]| {
        let output = galen()
            .arg("projections")
            .args(["--url", hospital.base()])
            .args(args)
            .env("GALEN_ADMIN_PASSWORD", ADMIN_PASSWORD)
            .output()
            .expect("galen runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let listed = projections(&["list"]);
    assert!(listed.contains("scheduling.staff"), "{listed}");
    let rebuilt = projections(&["rebuild", "scheduling.staff"]);
    assert!(rebuilt.contains("is rebuilt from"), "{rebuilt}");
    let after: serde_json::Value = admin
        .get(&slots)
        .await
        .expect("an answer")
        .success()
        .expect("the slots");
    assert_eq!(after, before);
}
