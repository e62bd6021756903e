//! Layers, files and errors.

use std::io::Write as _;

use secrecy::ExposeSecret as _;

use super::*;

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = file(
        "[mail]\nhost = \"f\"\nport = 25\nretry = true\nto = [\"a\", \"b\"]\n[mail.tls]\nname = \"n\"",
    );
    let environment = pairs(&[
        ("GALEN_MAIL_HOST", "e"),
        ("GALEN_MAIL_PORT", "26"),
        ("PATH", "/bin"),
    ]);
    let config = Config::load(
        Some(file.path()),
        environment,
        pairs(&[("mail.host", "flag")]),
    )
    .unwrap();
    assert_eq!(
        config.get::<String>("mail.host").unwrap().as_deref(),
        Some("flag")
    );
    assert_eq!(config.get::<u16>("mail.port").unwrap(), Some(26));
    assert_eq!(config.get::<bool>("mail.retry").unwrap(), Some(true));
    assert_eq!(
        config.get::<String>("mail.to").unwrap().as_deref(),
        Some("a,b")
    );
    assert_eq!(
        config.get::<String>("mail.tls.name").unwrap().as_deref(),
        Some("n")
    );
    assert_eq!(config.get::<u16>("mail.absent").unwrap(), None);
}

#[test]
fn a_key_that_nobody_knows_is_named() {
    let setting = Setting {
        key: "mail.host",
        doc: "",
        secret: false,
    };
    let load = |text: &str| Config::load(Some(file(text).path()), [], []).unwrap();
    assert!(
        load("[mail]\nhost = \"a\"")
            .refuse_unknown(&[setting])
            .is_ok()
    );
    assert!(
        load("[mail]\nhost_file = \"a\"")
            .refuse_unknown(&[setting])
            .is_ok()
    );
    let asked = load("[mail]\nport = 25");
    assert!(asked.refuse_unknown(&[]).is_err());
    assert_eq!(asked.get::<u16>("mail.port").unwrap(), Some(25));
    assert!(asked.refuse_unknown(&[]).is_ok());
    let error = load("[mail]\nhots = \"a\"")
        .refuse_unknown(&[setting])
        .unwrap_err();
    assert_eq!(error.to_string(), "mail.hots is not a setting");
}

#[test]
fn a_value_can_be_in_a_file() {
    let secret = file("hunter2\n");
    let path = secret.path().to_str().unwrap();
    let config = Config::load(None, pairs(&[("GALEN_MAIL_PASSWORD_FILE", path)]), []).unwrap();
    let read = config.secret("mail.password").unwrap().unwrap();
    assert_eq!(read.expose_secret(), "hunter2");
    assert!(!format!("{read:?}").contains("hunter2"));

    let absent = Config::load(
        None,
        pairs(&[("GALEN_MAIL_PASSWORD_FILE", "/nowhere/at/all")]),
        [],
    )
    .unwrap();
    assert!(matches!(
        absent.secret("mail.password"),
        Err(ConfigError::File { .. })
    ));
    let both = pairs(&[
        ("GALEN_MAIL_PASSWORD_FILE", path),
        ("GALEN_MAIL_PASSWORD", "x"),
    ]);
    assert!(matches!(
        Config::load(None, both, [])
            .unwrap()
            .secret("mail.password"),
        Err(ConfigError::Invalid { .. })
    ));
}

#[test]
fn errors_name_the_key_and_not_the_value() {
    let config = Config::load(None, pairs(&[("GALEN_MAIL_PORT", "hunter2")]), []).unwrap();
    let error = config.get::<u16>("mail.port").unwrap_err().to_string();
    assert!(
        error.starts_with("mail.port: ") && !error.contains("hunter2"),
        "{error}"
    );
    let missing = config
        .require::<String>("mail.host")
        .unwrap_err()
        .to_string();
    assert_eq!(
        missing,
        "mail.host is not set (environment: GALEN_MAIL_HOST)"
    );
    let broken = Config::load(Some(file("[mail]\npassword = hunter2").path()), [], [])
        .err()
        .unwrap()
        .to_string();
    assert!(
        broken.contains("line 2") && !broken.contains("hunter2"),
        "{broken}"
    );
}
