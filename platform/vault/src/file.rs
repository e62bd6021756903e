//! Master keys in a file that only its owner can read, made at the first start.
//!
//! The file is read anew before a key is wrapped and when a name is not known, so that
//! a running process follows a rotation by another one. It is replaced as a whole, under
//! a lock in a file beside it.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use galen_storage::private_file;
use secrecy::{ExposeSecret as _, SecretString};

use crate::master::{MasterError, MasterId, MasterKeys, Secret};
use crate::ring::Ring;

const HEAD: &str =
    "# Master keys of Galen's sealed columns. Without this file the data cannot be read by
# anybody; with it and the database by anybody. Keep a copy, apart from the database's.
# The last master is in use.
";

/// The file.
#[derive(Debug)]
pub struct FileKeys {
    path: PathBuf,
    known: Mutex<Ring>,
}

impl FileKeys {
    /// Reads the file; `None` when there is none.
    ///
    /// # Errors
    /// When the file cannot be used, or others can read it.
    pub fn open(path: &Path) -> Result<Option<Self>, MasterError> {
        match read(path) {
            Ok(ring) => Ok(Some(Self::new(path, ring))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads the file, and makes it when there is none. Of two processes that make it at
    /// once, both end with the same.
    ///
    /// # Errors
    /// When the file cannot be used, or others can read it.
    pub fn open_or_create(path: &Path) -> Result<Self, MasterError> {
        if let Some(found) = Self::open(path)? {
            return Ok(found);
        }
        let _lock = lock(path)?;
        if let Some(found) = Self::open(path)? {
            return Ok(found);
        }
        let ring = Ring::random();
        write(path, &ring)?;
        Ok(Self::new(path, ring))
    }

    fn new(path: &Path, ring: Ring) -> Self {
        Self {
            path: path.to_owned(),
            known: Mutex::new(ring),
        }
    }

    /// What the file holds now.
    fn fresh(&self) -> Result<Ring, MasterError> {
        let ring = read(&self.path)?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = ring.clone();
        Ok(ring)
    }

    fn unwrap_now(
        &self,
        master: &MasterId,
        bound: &[u8],
        wrapped: &[u8],
    ) -> Result<Secret, MasterError> {
        let known = self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .unwrap(master, bound, wrapped);
        match known {
            Err(MasterError::Unknown(_)) => self.fresh()?.unwrap(master, bound, wrapped),
            known => known,
        }
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut Ring) -> Result<T, MasterError>,
    ) -> Result<T, MasterError> {
        let _lock = lock(&self.path)?;
        let mut ring = self.fresh()?;
        let changed = change(&mut ring)?;
        write(&self.path, &ring)?;
        self.fresh()?;
        Ok(changed)
    }
}

impl MasterKeys for FileKeys {
    fn whereabouts(&self) -> String {
        self.path.display().to_string()
    }

    fn ids(&self) -> BoxFuture<'_, Result<Vec<MasterId>, MasterError>> {
        ready(self.fresh().map(|ring| ring.ids())).boxed()
    }

    fn wrap<'a>(
        &'a self,
        bound: &'a [u8],
        key: &'a Secret,
    ) -> BoxFuture<'a, Result<(MasterId, Vec<u8>), MasterError>> {
        ready(self.fresh().and_then(|ring| ring.wrap(bound, key))).boxed()
    }

    fn unwrap<'a>(
        &'a self,
        master: &'a MasterId,
        bound: &'a [u8],
        wrapped: &'a [u8],
    ) -> BoxFuture<'a, Result<Secret, MasterError>> {
        ready(self.unwrap_now(master, bound, wrapped)).boxed()
    }

    fn root(&self) -> BoxFuture<'_, Result<Secret, MasterError>> {
        ready(self.fresh().map(|ring| ring.root)).boxed()
    }

    fn rotate(&self) -> BoxFuture<'_, Result<MasterId, MasterError>> {
        ready(self.change(|ring| Ok(ring.rotate()))).boxed()
    }

    fn forget<'a>(&'a self, master: &'a MasterId) -> BoxFuture<'a, Result<(), MasterError>> {
        ready(self.change(|ring| ring.forget(master))).boxed()
    }
}

fn is_missing(error: &MasterError) -> bool {
    matches!(error, MasterError::File { source, .. } if source.kind() == ErrorKind::NotFound)
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> MasterError {
    move |source| MasterError::File {
        path: path.display().to_string(),
        source,
    }
}

/// Held while the file is replaced.
fn lock(path: &Path) -> Result<File, MasterError> {
    let beside = path.with_extension("lock");
    let open = || {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&beside)?;
        file.lock()?;
        Ok(file)
    };
    open().map_err(failed(&beside))
}

fn write(path: &Path, ring: &Ring) -> Result<(), MasterError> {
    let mut text = format!("{HEAD}root {}\n", hex::encode(ring.root.expose()));
    for (id, secret) in &ring.masters {
        text += &format!("master {id} {}\n", hex::encode(secret.expose()));
    }
    let text = SecretString::from(text);
    let draft = path.with_extension(hex::encode(rand::random::<[u8; 8]>()));
    let replace = || {
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(text.expose_secret().as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        // The new name outlives a power failure only with its directory.
        let parent = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        File::open(parent.unwrap_or_else(|| Path::new(".")))?.sync_all()
    };
    replace().map_err(failed(path))
}

fn read(path: &Path) -> Result<Ring, MasterError> {
    let bytes = private_file::read(path, "the master keys").map_err(failed(path))?;
    let no_text = |_| failed(path)(std::io::Error::from(ErrorKind::InvalidData));
    let text = SecretString::from(String::from_utf8(bytes).map_err(no_text)?);
    parse(text.expose_secret()).map_err(|(line, reason)| MasterError::Malformed {
        path: path.display().to_string(),
        line,
        reason,
    })
}

fn parse(text: &str) -> Result<Ring, (usize, &'static str)> {
    let mut root = None;
    let mut masters: Vec<(MasterId, Secret)> = Vec::new();
    let mut last = 0;
    for (line, text) in (1..).zip(text.lines()) {
        last = line;
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            [word, ..] if word.starts_with('#') => {}
            ["root", secret] if root.is_none() => root = Some(secret_of(line, secret)?),
            ["root", _] => return Err((line, "there is a root already")),
            ["master", id, secret] => {
                let id = MasterId::new((*id).to_owned());
                if masters.iter().any(|(known, _)| *known == id) {
                    return Err((line, "there is a master of this name already"));
                }
                masters.push((id, secret_of(line, secret)?));
            }
            _ => return Err((line, "neither a root nor a master")),
        }
    }
    if masters.is_empty() {
        return Err((last, "there is no master"));
    }
    Ok(Ring {
        root: root.ok_or((last, "there is no root"))?,
        masters,
    })
}

fn secret_of(line: usize, text: &str) -> Result<Secret, (usize, &'static str)> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| (line, "a key has 64 hexadecimal digits"))?;
    Ok(Secret::new(bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;

    #[test]
    fn the_file_is_made_once_for_its_owner_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("vault-keys");
        assert!(FileKeys::open(&path).expect("asked").is_none());
        let ids: Vec<_> = std::thread::scope(|scope| {
            let open = || FileKeys::open_or_create(&path).expect("opened").fresh();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("no panic").expect("read").ids())
                .collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]));
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 2);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("vault-keys");
        FileKeys::open_or_create(&path).expect("made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("opened");
        let refused = FileKeys::open_or_create(&path).expect_err("refused");
        assert!(
            matches!(refused, MasterError::File { source, .. } if source.kind() == ErrorKind::PermissionDenied)
        );
    }

    #[tokio::test]
    async fn a_process_follows_a_rotation_by_another() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("vault-keys");
        let here = FileKeys::open_or_create(&path).expect("made");
        let there = FileKeys::open_or_create(&path).expect("read");
        let (old, key) = (
            here.ids().await.expect("names")[0].clone(),
            Secret::random(),
        );
        let new = there.rotate().await.expect("rotated");
        let (used, wrapped) = there.wrap(b"x", &key).await.expect("wrapped");
        assert_eq!(used, new);
        let unwrapped = here.unwrap(&new, b"x", &wrapped).await.expect("unwrapped");
        assert_eq!(unwrapped.expose(), key.expose());
        assert_eq!(here.wrap(b"x", &key).await.expect("wrapped").0, new);
        there.forget(&old).await.expect("forgotten");
        assert_eq!(here.ids().await.expect("names"), [new]);
    }

    #[test]
    fn a_damaged_file_is_refused_without_repeating_it() {
        let key = "ab".repeat(32);
        for (text, line) in [
            (String::new(), 0),
            (format!("root {key}"), 1),
            (format!("master m {key}"), 1),
            (format!("root {key}\nmaster m {key}\nmaster m {key}"), 3),
            (format!("root {key}\nroot {key}\nmaster m {key}"), 2),
            (format!("root {key}\nmaster m {key}00"), 2),
            (format!("root {key}\n{key}"), 2),
        ] {
            let (at, reason) = parse(&text).expect_err("refused");
            assert_eq!(at, line, "{reason}");
            assert!(!reason.contains("abab"));
        }
    }
}
