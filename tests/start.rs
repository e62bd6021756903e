//! Starting, stopping, and what a second start hears.

use std::time::Duration;

use crate::hospital::{Hospital, galen};
use crate::world::patient;

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
        .args(["up", "--config"])
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
