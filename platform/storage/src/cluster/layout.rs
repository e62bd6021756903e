//! What lies where in a cluster's directory.
//!
//! ```text
//! <dir>/galen.lock             held while a Galen runs
//! <dir>/postgres/              mode 0700, the server's account
//!     data/                    PGDATA; appears complete, by a rename
//!     data.new/                while it is being initialised
//!     run/                     the socket
//!     socket                   where the socket is, when the path of run/ is too long,
//!                              and this directory's own path
//!     superuser                password of the superuser, mode 0600
//!     postgres.log             what the server says
//! ```

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::account::Account;
use super::{ClusterError, io};

/// Names the socket file; nothing listens on a network.
pub(super) const PORT: u16 = 5432;

/// Where a socket that is elsewhere is remembered.
const RECORD: &str = "socket";

/// Longest path of a Unix socket (`sun_path` holds 108 bytes with its NUL on Linux,
/// 104 elsewhere).
const LONGEST_SOCKET: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// Paths of one cluster.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) root: PathBuf,
    pub(super) data: PathBuf,
    pub(super) unfinished: PathBuf,
    pub(super) socket: PathBuf,
    pub(super) password_file: PathBuf,
    pub(super) log: PathBuf,
}

impl Layout {
    fn of(root: PathBuf, socket: PathBuf) -> Self {
        Self {
            data: root.join("data"),
            unfinished: root.join("data.new"),
            password_file: root.join("superuser"),
            log: root.join("postgres.log"),
            socket,
            root,
        }
    }

    /// Creates the directories below `dir` (canonical).
    pub(super) fn prepare(dir: &Path, account: Option<&Account>) -> Result<Self, ClusterError> {
        let root = dir.join("postgres");
        create_private(&root, account)?;
        let near = root.join("run");
        let socket = if fits(&near) {
            forget(&root.join(RECORD))?;
            create_private(&near, account)?;
            near
        } else {
            far_socket(&root, account)?
        };
        Ok(Self::of(root, socket))
    }

    /// The layout of a directory that a Galen prepared; `None` when none did.
    pub(super) fn existing(dir: &Path) -> Result<Option<Self>, ClusterError> {
        let dir = match fs::canonicalize(dir) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            result => result.map_err(io(format!("cannot open {}", dir.display())))?,
        };
        let root = dir.join("postgres");
        let near = root.join("run");
        if let Some(far) = recorded(&root)? {
            return Ok(Some(Self::of(root, far)));
        }
        Ok(near.is_dir().then(|| Self::of(root, near)))
    }

    /// The superuser's password.
    pub(super) fn password(&self) -> Result<String, ClusterError> {
        let text = fs::read_to_string(&self.password_file)
            .map_err(io(format!("cannot read {}", self.password_file.display())))?;
        Ok(text.trim_end().to_owned())
    }

    /// Process id in the server's own lock file.
    pub(super) fn server_pid(&self) -> Option<u32> {
        let text = fs::read_to_string(self.data.join("postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }
}

/// Creates a directory of mode 0700 for the server's account, or corrects it.
fn create_private(path: &Path, account: Option<&Account>) -> Result<(), ClusterError> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            let mode = fs::Permissions::from_mode(0o700);
            fs::set_permissions(path, mode)
                .map_err(io(format!("cannot close {} to others", path.display())))?;
        }
        Err(source) => {
            return Err(ClusterError::Io {
                what: format!("cannot create {}", path.display()),
                source,
            });
        }
    }
    account.map_or(Ok(()), |account| account.own(path))
}

/// Writes a file that only its owner can read, and replaces what was there.
pub(super) fn write_private(
    path: &Path,
    text: &str,
    account: Option<&Account>,
) -> Result<(), ClusterError> {
    let what = || format!("cannot write {}", path.display());
    forget(path)?;
    let mut file = fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(io(what()))?;
    file.write_all(text.as_bytes()).map_err(io(what()))?;
    file.sync_all().map_err(io(what()))?;
    account.map_or(Ok(()), |account| account.own(path))
}

/// Whether a socket can live in a directory: short enough, and without the
/// characters that separate and quote in `unix_socket_directories`.
fn fits(dir: &Path) -> bool {
    let bytes = dir.as_os_str().as_bytes();
    let name = format!("/.s.PGSQL.{PORT}");
    bytes.len() + name.len() <= LONGEST_SOCKET
        && dir
            .to_str()
            .is_some_and(|text| !text.contains([',', '"', '\n']))
}

/// A short directory under the temporary one, remembered. One that is no longer
/// there, or no longer ours, is replaced.
fn far_socket(root: &Path, account: Option<&Account>) -> Result<PathBuf, ClusterError> {
    if let Some(remembered) = recorded(root)?.filter(|dir| is_ours(dir, account)) {
        return Ok(remembered);
    }
    let name = format!("galen-{}", hex::encode(rand::random::<[u8; 6]>()));
    let dir = std::env::temp_dir().join(name);
    // Not `create_private`: a directory that somebody else made under this name is not taken over.
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&dir)
        .map_err(io(format!("cannot create {}", dir.display())))?;
    if let Some(account) = account {
        account.check_reach(&std::env::temp_dir())?;
        account.own(&dir)?;
    }
    write_private(
        &root.join(RECORD),
        &format!("{}\n{}\n", dir.display(), root.display()),
        account,
    )?;
    Ok(dir)
}

/// The remembered directory, if this is not a copy of the directory that remembered
/// it: the original's server may be running there.
fn recorded(root: &Path) -> Result<Option<PathBuf>, ClusterError> {
    let path = root.join(RECORD);
    let text = match fs::read_to_string(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        result => result.map_err(io(format!("cannot read {}", path.display())))?,
    };
    let mut lines = text.lines();
    let (socket, owner) = (lines.next(), lines.next());
    Ok(socket
        .filter(|_| owner.map(Path::new) == Some(root))
        .map(PathBuf::from))
}

/// Removes a file that need not be there.
fn forget(path: &Path) -> Result<(), ClusterError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(ClusterError::Io {
            what: format!("cannot remove {}", path.display()),
            source,
        }),
        _ => Ok(()),
    }
}

/// Whether a directory is one that we made: no link, ours, closed to others.
fn is_ours(dir: &Path, account: Option<&Account>) -> bool {
    let Ok(metadata) = fs::symlink_metadata(dir) else {
        return false;
    };
    let ours = account.map_or_else(
        || metadata.uid() == rustix::process::geteuid().as_raw(),
        |account| account.owns(metadata.uid()),
    );
    metadata.is_dir() && ours && metadata.mode() & 0o077 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_fits_up_to_the_limit_of_the_system() {
        let name = "/.s.PGSQL.5432".len();
        assert!(fits(Path::new(&format!(
            "/{}",
            "x".repeat(LONGEST_SOCKET - name - 1)
        ))));
        assert!(!fits(Path::new(&format!(
            "/{}",
            "x".repeat(LONGEST_SOCKET - name)
        ))));
        assert!(!fits(Path::new("/with,comma")));
    }

    #[test]
    fn a_copied_directory_does_not_remember_the_socket_of_the_original() {
        let dir = tempfile::tempdir().expect("a directory");
        let (original, copy) = (dir.path().join("original"), dir.path().join("copy"));
        for root in [&original, &copy] {
            fs::create_dir(root).expect("created");
            fs::write(
                root.join(RECORD),
                format!("/tmp/galen-1\n{}\n", original.display()),
            )
            .expect("written");
        }
        assert_eq!(
            recorded(&original).expect("readable"),
            Some(PathBuf::from("/tmp/galen-1"))
        );
        assert_eq!(recorded(&copy).expect("readable"), None);
    }

    #[test]
    fn a_link_is_not_taken_for_our_socket_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let target = dir.path().join("target");
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&target)
            .expect("created");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&target, &link).expect("linked");
        assert!(is_ours(&target, None));
        assert!(!is_ours(&link, None));
    }
}
