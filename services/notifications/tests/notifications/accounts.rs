//! Links to set a password: minted at the moment of sending, and stored nowhere.

use galen_contracts::identity::v1::{CredentialLinkPurpose, CredentialLinkRequested};
use galen_contracts::ids::{PatientId, UserId};

use crate::world::World;

fn wanted(
    world: &World,
    patient: Option<PatientId>,
    purpose: CredentialLinkPurpose,
) -> CredentialLinkRequested {
    let user: UserId = world.clock.id();
    CredentialLinkRequested {
        link_id: world.clock.uuid().to_string(),
        user_id: user.to_string(),
        patient_id: patient.map(|id| id.to_string()).unwrap_or_default(),
        purpose: purpose.into(),
    }
}

#[tokio::test]
async fn the_secret_is_in_the_mail_and_nowhere_else() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "es");
    let link = wanted(&world, Some(patient), CredentialLinkPurpose::SetPassword);
    world
        .neighbours
        .links
        .lock()
        .expect("no panics")
        .insert(link.link_id.clone(), String::new());
    world.hears(link).await;
    assert_eq!(world.send().await, 1);
    let mails = world.mails();
    let mail = mails.values().next().expect("a mail");
    assert!(
        mail.contains("https://hospital.example/set-password#secret-token-1"),
        "{mail}"
    );
    assert!(mail.contains("Bienvenido/a"), "{mail}");
    assert!(!world.everything_stored().await.contains("secret-token"));
}

#[tokio::test]
async fn an_account_without_a_patient_is_reached_at_its_own_address() {
    let world = World::new().await;
    let link = wanted(&world, None, CredentialLinkPurpose::ResetPassword);
    let address = "nurse@hospital.example".to_owned();
    world
        .neighbours
        .links
        .lock()
        .expect("no panics")
        .insert(link.link_id.clone(), address);
    world.hears(link.clone()).await;
    world.send().await;
    let mails = world.mails();
    let mail = mails.values().next().expect("a mail");
    assert!(mail.contains("To: nurse@hospital.example\r\n"), "{mail}");
    assert!(mail.contains("Hello ada.l,"), "{mail}");
    assert_eq!(world.message(&link.user_id).await["status"], "SENT");
    assert!(!world.everything_stored().await.contains("nurse@"));
}

#[tokio::test]
async fn a_used_link_is_not_sent() {
    let world = World::new().await;
    let link = wanted(&world, None, CredentialLinkPurpose::ResetPassword);
    world.hears(link.clone()).await;
    world.send().await;
    let message = world.message(&link.user_id).await;
    assert_eq!(message["status"], "SUPPRESSED");
    assert_eq!(message["reasonCode"], "LINK_NOT_VALID");
}

#[tokio::test]
async fn nobody_to_be_reached_is_for_a_person_to_solve() {
    let world = World::new().await;
    let patient = world.patient("", "", "en");
    let link = wanted(&world, Some(patient), CredentialLinkPurpose::SetPassword);
    world
        .neighbours
        .links
        .lock()
        .expect("no panics")
        .insert(link.link_id.clone(), String::new());
    world.hears(link).await;
    world.send().await;
    let message = world.message(patient).await;
    assert_eq!(message["status"], "DEAD");
    assert_eq!(message["reasonCode"], "NO_ADDRESS");
    let skipped = message["skippedChannels"].as_array().expect("a list");
    assert_eq!(skipped.len(), 3, "{skipped:?}");
    let dead = world.heard.dead.lock().expect("no panics").clone();
    assert_eq!(dead[0].reason_code, "NO_ADDRESS");
}

#[tokio::test]
async fn a_link_that_logs_in_is_mailed_in_the_readers_language_and_stored_nowhere() {
    for (language, words) in [
        ("en", "Your link to log in"),
        ("de", "Ihr Link zum Anmelden"),
        ("tr", "Merhaba"),
        ("es", "Su enlace para entrar"),
    ] {
        let world = World::new().await;
        let patient = world.patient("ada@example.org", "", language);
        let link = wanted(&world, Some(patient), CredentialLinkPurpose::LogIn);
        world
            .neighbours
            .links
            .lock()
            .expect("no panics")
            .insert(link.link_id.clone(), String::new());
        world.hears(link).await;
        assert_eq!(world.send().await, 1);
        let mails = world.mails();
        let mail = mails.values().next().expect("a mail");
        assert!(mail.contains("#secret-token-1"), "{mail}");
        assert!(mail.contains(words), "{mail}");
        assert!(!world.everything_stored().await.contains("secret-token"));
    }
}
