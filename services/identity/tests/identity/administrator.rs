//! The first administrator.

use std::os::unix::fs::PermissionsExt as _;

use futures::future::join_all;

use crate::hospital::{ADMIN_PASSWORD, Hospital};

#[tokio::test(flavor = "multi_thread")]
async fn a_made_up_password_is_in_a_file_that_only_its_owner_reads() {
    let hospital = Hospital::open_with(&[]).await;
    let path = hospital.platform.data_dir.join("admin-password");
    let rights = std::fs::metadata(&path)
        .expect("the file is there")
        .permissions()
        .mode();
    assert_eq!(rights & 0o777, 0o600);
    let password = std::fs::read_to_string(&path).expect("it is readable");
    hospital.log_in("admin", password.trim_end()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_given_name_and_password_are_used_once() {
    let settings = [
        ("identity.admin_username", "Chief"),
        ("identity.admin_password", ADMIN_PASSWORD),
    ];
    let hospital = Hospital::open_with(&settings).await;
    hospital.log_in("chief", ADMIN_PASSWORD).await;
    assert!(!hospital.platform.data_dir.join("admin-password").exists());

    let others = [
        ("identity.admin_username", "other"),
        ("identity.admin_password", "another pass phrase"),
    ];
    let (_, again) = hospital.another_process(&others).await;
    again.expect("it starts");
    let refused = hospital.try_log_in("other", "another pass phrase").await;
    assert_eq!(refused.code(), Some("INVALID_CREDENTIALS"));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_be_used_are_named_and_not_repeated() {
    let hospital = Hospital::open().await;
    sqlx::query("delete from identity.account")
        .execute(hospital.behind_the_curtain())
        .await
        .expect("emptied");
    for (setting, value) in [
        ("identity.admin_password", "letmein"),
        ("identity.admin_password", "password123"),
        ("identity.admin_username", "no spaces"),
        ("identity.public_url", "galen.example.org"),
        ("identity.key_rotation_days", "0"),
        ("identity.key_rotation_days", "soon"),
    ] {
        let (_, started) = hospital.another_process(&[(setting, value)]).await;
        let Err(error) = started else {
            panic!("{setting} = {value}")
        };
        let text = error.to_string();
        assert!(text.contains(setting) && !text.contains(value), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_make_one_administrator() {
    let hospital = Hospital::open().await;
    sqlx::query("delete from identity.account")
        .execute(hospital.behind_the_curtain())
        .await
        .expect("emptied");
    let settings = [("identity.admin_password", ADMIN_PASSWORD)];
    let started = join_all((0..4).map(|_| hospital.another_process(&settings))).await;
    for (_, identity) in started {
        identity.expect("it starts");
    }
    let admin = hospital.admin().await;
    let page = admin.get("/users?role=ADMIN").await.body;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1));
}
