//! A secret in a file that only its owner can read.

use std::io::{Error, ErrorKind, Result};
use std::path::Path;

use secrecy::SecretString;

use crate::private_file;

/// Fewest characters: 128 bits in hex.
const SHORTEST: usize = 32;

/// Reads the secret, or makes one of 256 random bits. Of two processes that make it
/// at once, both end with the same.
pub(crate) fn read_or_create(path: &Path) -> Result<SecretString> {
    match read(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        result => return result,
    }
    let made = hex::encode(rand::random::<[u8; 32]>());
    private_file::create(path, made.as_bytes())?;
    read(path)
}

fn read(path: &Path) -> Result<SecretString> {
    let invalid = |what: String| Error::new(ErrorKind::InvalidData, what);
    let text = String::from_utf8(private_file::read(path, "the secret")?)
        .map_err(|_| invalid("the secret is no text".to_owned()))?;
    let text = text.trim_end();
    if text.len() < SHORTEST {
        return Err(invalid(format!(
            "the secret is shorter than {SHORTEST} characters"
        )));
    }
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use std::fs::{self, OpenOptions};
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_read_ever_after() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("secret");
        let made = read_or_create(&path).expect("made");
        assert_eq!(made.expose_secret().len(), 64);
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o600);
        assert_eq!(
            read_or_create(&path).expect("read").expose_secret(),
            made.expose_secret()
        );
        assert_eq!(
            fs::read_dir(dir.path()).expect("readable").count(),
            1,
            "no draft remains"
        );
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("secret");
        read_or_create(&path).expect("made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("opened");
        assert_eq!(
            read_or_create(&path).expect_err("refused").kind(),
            ErrorKind::PermissionDenied
        );
    }

    #[test]
    fn an_empty_secret_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("secret");
        OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .expect("created");
        assert_eq!(
            read_or_create(&path).expect_err("refused").kind(),
            ErrorKind::InvalidData
        );
    }

    #[test]
    fn processes_that_make_it_at_once_agree() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("secret");
        let made: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        read_or_create(&path)
                            .expect("made")
                            .expose_secret()
                            .to_owned()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("no panic"))
                .collect()
        });
        assert!(made.iter().all(|secret| *secret == made[0]));
    }
}
