//! The key that signs heads: a file beside the database, so that whoever can write
//! in the database cannot sign. Its public half stands in a second file, for
//! whoever checks.

use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::path::Path;

use aws_lc_rs::signature::Ed25519KeyPair;
use galen_storage::private_file;

use super::model::Signer;

/// The private key: PKCS #8.
const SECRET: &str = "signing-key.pk8";
/// What checks its signatures.
pub(crate) const PUBLIC: &str = "verifier-key";

/// Reads the key of a directory, and makes one at the first start. Of two processes
/// that make it at once, both end with the same.
pub(crate) fn read_or_create(dir: &Path, origin: &str) -> Result<Signer> {
    let path = dir.join(SECRET);
    let key = match read(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => create(&path)?,
        key => key?,
    };
    let signer = Signer::new(origin, key)
        .ok_or_else(|| invalid("audit.origin must be a name without blanks and +"))?;
    let public = signer.verifier().text();
    if fs::read_to_string(dir.join(PUBLIC))
        .ok()
        .as_deref()
        .map(str::trim_end)
        != Some(&public)
    {
        fs::write(dir.join(PUBLIC), format!("{public}\n"))?;
    }
    Ok(signer)
}

fn create(path: &Path) -> Result<Ed25519KeyPair> {
    let key = Ed25519KeyPair::generate().map_err(|_| Error::other("there is no randomness"))?;
    let document = key
        .to_pkcs8()
        .map_err(|_| Error::other("the key cannot be written"))?;
    private_file::create(path, document.as_ref())?;
    read(path)
}

fn read(path: &Path) -> Result<Ed25519KeyPair> {
    let document = private_file::read(path, "the signing key")?;
    Ed25519KeyPair::from_pkcs8(&document).map_err(|_| invalid("it is not an Ed25519 key"))
}

fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_ever_after() {
        let dir = tempfile::tempdir().unwrap();
        let made = read_or_create(dir.path(), "galen.test/audit").unwrap();
        let read = read_or_create(dir.path(), "galen.test/audit").unwrap();
        assert_eq!(made.verifier(), read.verifier());
        let public = fs::read_to_string(dir.path().join(PUBLIC)).unwrap();
        assert_eq!(public.trim_end(), made.verifier().text());
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            2,
            "no draft remains"
        );
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        read_or_create(dir.path(), "galen.test/audit").unwrap();
        let open = fs::Permissions::from_mode(0o644);
        fs::set_permissions(dir.path().join(SECRET), open).unwrap();
        let refused = read_or_create(dir.path(), "galen.test/audit");
        assert_eq!(
            refused.err().map(|e| e.kind()),
            Some(ErrorKind::PermissionDenied)
        );
    }
}
