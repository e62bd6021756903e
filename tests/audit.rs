//! The audit log of a running hospital: what happens is in it, auditors can prove it,
//! and whoever changes it is found out.

use std::process::Output;

use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::hospital::{Hospital, galen};
use crate::world::{eventually, expect_status, patient, text, user};

/// Registered, looked at, and looked at by somebody who may not: an auditor sees all
/// three, and others do not see that.
pub(crate) async fn what_happens_to_a_patient_is_in_the_log(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let reception = user(&admin, &["RECEPTIONIST"], None).await;
    let operator = user(&admin, &["OPERATOR"], None).await;
    let auditor = user(&admin, &["AUDITOR"], None).await;
    let id = patient(&reception).await;
    let path = format!("/api/v1/patients/{id}");
    expect_status(&reception.get(&path).await.expect("an answer"), 200);
    expect_status(&operator.get(&path).await.expect("an answer"), 403);

    let entries = format!("/api/v1/audit/entries?subject={id}");
    let seen = eventually("the entries have their places", || async {
        let reply = auditor.get(&entries).await.map_err(|e| e.to_string())?;
        let page: Value = reply.json().map_err(|e| e.to_string())?;
        let of = |kind: &str| {
            let items = page["items"].as_array().into_iter().flatten();
            items.filter(|item| item["kind"] == kind).count()
        };
        if of("WRITE") >= 1 && of("READ") >= 1 && of("DENY") == 1 {
            Ok(page)
        } else {
            Err(page.to_string())
        }
    })
    .await;
    let first = &seen["items"][0];
    assert_eq!(first["patientIds"], json!([id]));
    assert!(!seen.to_string().contains("familyName"), "{seen}");
    expect_status(&operator.get(&entries).await.expect("an answer"), 403);

    // The newest entry is the last leaf of a tree that ends with it.
    let size = first["index"].as_u64().expect("a place") + 1;
    let proof = format!("/api/v1/audit/proof?index={}&treeSize={size}", size - 1);
    let proof = expect_status(&auditor.get(&proof).await.expect("an answer"), 200);
    assert_eq!(proof["leafHash"], first["leafHash"]);
}

/// Logins that succeed and that fail are in the log with the account, and without
/// what was typed.
pub(crate) async fn logins_are_in_the_log(hospital: &Hospital) {
    let admin = hospital.admin().await;
    let me = admin.get("/api/v1/auth/me").await.expect("an answer");
    let id = text(&expect_status(&me, 200), "id");
    let wrong = json!({ "username": "admin", "password": "not the password at all" });
    let path = "/api/v1/auth/login";
    let reply = hospital
        .anonymous()
        .send(Method::POST, path, Some(&wrong), HeaderMap::new())
        .await;
    expect_status(&reply.expect("an answer"), 401);
    let entries = format!("/api/v1/audit/entries?kind=LOGIN&subject={id}");
    let page = eventually("the logins have their places", || async {
        let reply = admin.get(&entries).await.map_err(|e| e.to_string())?;
        let page: Value = reply.json().map_err(|e| e.to_string())?;
        let items = page["items"].as_array().into_iter().flatten();
        let of: Vec<_> = items.map(|item| item["status"].clone()).collect();
        if of.contains(&json!(200)) && of.contains(&json!(401)) {
            Ok(page)
        } else {
            Err(page.to_string())
        }
    })
    .await;
    assert!(!page.to_string().contains("not the password"), "{page}");
}

/// What is done at the machine itself, without an account, is in the log as well,
/// whether or not it changed anything.
pub(crate) async fn the_command_line_is_in_the_log(hospital: &Hospital) {
    let letter = "987654321";
    let output = galen()
        .args(["events", "discard", letter, "--reason", "a test of the log"])
        .arg("--data-dir")
        .arg(hospital.dir())
        .output()
        .expect("galen runs");
    assert_eq!(output.status.code(), Some(1), "there is no such letter");
    let output = galen()
        .args([
            "psql",
            "--tool",
            "pg_dump",
            "--service",
            "staff",
            "--data-dir",
        ])
        .arg(hospital.dir())
        .args(["--", "--schema", "staff", "--schema-only"])
        .output()
        .expect("galen runs");
    assert!(output.status.success(), "{output:?}");

    let admin = hospital.admin().await;
    eventually("the entries have their places", async || {
        let path = "/api/v1/audit/entries?kind=ADMIN&limit=200";
        let reply = admin.get(path).await.map_err(|e| e.to_string())?;
        let page: Value = reply.json().map_err(|e| e.to_string())?;
        let told = |action: &str, subject: &str| {
            let items = page["items"].as_array().into_iter().flatten();
            items
                .filter(|item| item["action"] == action && item["subject"] == subject)
                .any(|item| item["actor"] == "command line" && item["service"] == "events")
        };
        if told("galen events discard", letter) && told("galen psql pg_dump", "staff") {
            Ok(page)
        } else {
            Err(page.to_string())
        }
    })
    .await;
}

/// One byte of one row, changed by a superuser, and the tools name the entry.
pub(crate) async fn a_changed_entry_is_named() {
    let hospital = Hospital::with(&[("GALEN_AUDIT_ROOT_SECONDS", "1")]);
    let admin = hospital.admin().await;
    patient(&admin).await;
    let superuser = hospital.superuser().await;
    let root = eventually("a root is signed", || async {
        let reply = admin
            .get("/api/v1/audit/root")
            .await
            .map_err(|e| e.to_string())?;
        let root: Value = reply.json().map_err(|e| e.to_string())?;
        if root["treeSize"].as_u64() > Some(2) {
            Ok(root)
        } else {
            Err(root.to_string())
        }
    })
    .await;
    let size = root["treeSize"].as_u64().expect("a size");
    let proof = format!("/api/v1/audit/proof?index=1&treeSize={size}");
    let proof = expect_status(&admin.get(&proof).await.expect("an answer"), 200);
    assert_eq!(proof["rootHash"], root["rootHash"]);
    let (holds, report) = hospital.verify();
    assert!(holds, "{report}");
    let verify = || -> Output {
        let mut command = galen();
        command
            .args(["audit", "verify", "--data-dir"])
            .arg(hospital.dir());
        command.output().expect("galen runs")
    };
    let output = verify();
    assert!(output.status.success(), "{output:?}");

    let sql = "set session_replication_role = replica;
               update audit.entry set status = status + 1 where seq = (select seq from audit.leaf where index = 1);
               set session_replication_role = default";
    sqlx::raw_sql(sql)
        .execute(&superuser)
        .await
        .expect("superusers may");
    let output = verify();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("entry 1 was changed"), "{told}");
    let (holds, report) = hospital.verify();
    assert!(!holds && report.contains("entry 1 was changed"), "{report}");
}
