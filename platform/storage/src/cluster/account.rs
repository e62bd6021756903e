//! The account that PostgreSQL runs under: it refuses to be root.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::{ClusterError, io};

/// An unprivileged account of this machine.
#[derive(Debug)]
pub(super) struct Account {
    name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    /// Whom to become: nobody else unless this process is root.
    pub(super) fn for_server() -> Result<Option<Self>, ClusterError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd").map_err(io("cannot read /etc/passwd"))?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| find(&accounts, name))
            .map(Some)
            .ok_or(ClusterError::NoAccount)
    }

    /// Makes a command run under this account, without any of root's groups.
    pub(super) fn apply(&self, command: &mut Command) {
        // As root, `uid` also drops the supplementary groups.
        command.uid(self.uid).gid(self.gid);
    }

    /// Gives a file or directory to this account.
    pub(super) fn own(&self, path: &Path) -> Result<(), ClusterError> {
        chown(path, Some(self.uid), Some(self.gid)).map_err(io(format!(
            "cannot give {} to {}",
            path.display(),
            self.name
        )))
    }

    /// Whether a file or directory belongs to this account.
    pub(super) const fn owns(&self, uid: u32) -> bool {
        self.uid == uid
    }

    /// Refuses a directory that this account cannot get to, naming what is closed.
    pub(super) fn check_reach(&self, dir: &Path) -> Result<(), ClusterError> {
        for parent in dir.ancestors() {
            let metadata =
                fs::metadata(parent).map_err(io(format!("cannot read {}", parent.display())))?;
            let enter = if metadata.uid() == self.uid {
                0o100
            } else if metadata.gid() == self.gid {
                0o010
            } else {
                0o001
            };
            if metadata.mode() & enter == 0 {
                return Err(ClusterError::Unreachable {
                    parent: parent.to_owned(),
                    account: self.name.clone(),
                });
            }
        }
        Ok(())
    }
}

/// Finds an account in the text of passwd(5).
fn find(accounts: &str, name: &str) -> Option<Account> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let found = fields.next()? == name;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        (found && uid != 0).then(|| Account {
            name: name.to_owned(),
            uid,
            gid,
        })
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let accounts = "root:x:0:0:root:/root:/bin/bash\npostgres-backup:x:9:9::/:/bin/sh\npostgres:x:101:104:PostgreSQL:/var/lib/postgresql:/bin/bash\n";
        let found = find(accounts, "postgres").expect("it is there");
        assert_eq!((found.uid, found.gid), (101, 104));
        assert!(find(accounts, "nobody").is_none());
    }

    #[test]
    fn a_closed_directory_on_the_way_is_named() {
        let stranger = Account {
            name: "stranger".to_owned(),
            uid: 4_000_000,
            gid: 4_000_000,
        };
        let dir = tempfile::tempdir().expect("a directory");
        let closed = dir.path().join("closed");
        let below = closed.join("below");
        fs::create_dir_all(&below).expect("created");
        for path in [dir.path(), &closed, &below] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o711)).expect("opened");
        }
        stranger.check_reach(&below).expect("everything is open");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("closed");
        let error = stranger.check_reach(&below).expect_err("closed");
        assert!(matches!(&error, ClusterError::Unreachable { parent, .. } if *parent == closed));
        assert!(error.to_string().contains("stranger"));
    }

    #[test]
    fn an_account_that_is_root_by_another_name_is_not_used() {
        assert!(find("postgres:x:0:0::/:/bin/sh\n", "postgres").is_none());
    }
}
