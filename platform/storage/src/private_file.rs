//! Files that only their owner can read: secrets and keys.

use std::fs::{self, OpenOptions};
use std::io::{Error, ErrorKind, Result, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Reads the file. `what` it holds is for the message.
///
/// # Errors
/// When it cannot be read, or others can read it.
pub fn read(path: &Path, what: &str) -> Result<Vec<u8>> {
    let mode = fs::metadata(path)?.mode();
    if mode & 0o077 != 0 {
        return Err(Error::new(
            ErrorKind::PermissionDenied,
            format!(
                "others can read {what} (mode {:04o}); close the file with chmod 600",
                mode & 0o7777
            ),
        ));
    }
    fs::read(path)
}

/// Makes the file unless there is one: of two processes that make it at once, one does,
/// and both can read it whole.
///
/// # Errors
/// When it cannot be written.
pub fn create(path: &Path, content: &[u8]) -> Result<()> {
    // Complete before it has its name, so that nobody reads half of it.
    let draft = path.with_extension(hex::encode(rand::random::<[u8; 8]>()));
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    let named = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match named {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
