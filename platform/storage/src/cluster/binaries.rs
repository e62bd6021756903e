//! Where the PostgreSQL server binaries are.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ClusterError;

/// Oldest major version that Galen's SQL runs on.
const OLDEST: u32 = 15;

/// Where distributions put each version's binaries, with `*` for the version.
const PACKAGED: [(&str, &str); 2] = [("/usr/lib/postgresql", "bin"), ("/opt/homebrew/opt", "bin")];

/// The directory with `postgres`, `initdb` and `pg_ctl`: the given one, or the
/// newest packaged one, or the one in `PATH`. A cluster that exists already needs
/// the version that made it.
pub(super) fn find(given: Option<&Path>, data: &Path) -> Result<PathBuf, ClusterError> {
    let existing = fs::read_to_string(data.join("PG_VERSION"))
        .ok()
        .map(|text| text.trim().to_owned());
    let needed = existing
        .as_deref()
        .and_then(|text| text.parse::<u32>().ok());
    let mut candidates: Vec<(u32, PathBuf)> = match given {
        Some(bin) => version(bin)
            .map(|found| (found, bin.to_owned()))
            .into_iter()
            .collect(),
        None => packaged().into_iter().chain(in_path()).collect(),
    };
    candidates.retain(|(version, _)| *version >= OLDEST);
    if candidates.is_empty() {
        return Err(ClusterError::NoBinaries);
    }
    // Stable: of equal versions the packaged one comes before that of `PATH`.
    candidates.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    candidates
        .into_iter()
        .find(|(version, _)| needed.is_none_or(|needed| needed == *version))
        .map(|(_, bin)| bin)
        .ok_or_else(|| ClusterError::WrongVersion {
            dir: data.to_owned(),
            version: existing.unwrap_or_default(),
        })
}

fn packaged() -> Vec<(u32, PathBuf)> {
    let mut found = Vec::new();
    for (root, below) in PACKAGED {
        let Ok(entries) = fs::read_dir(root) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(major) = name
                .to_str()
                .and_then(|name| name.trim_start_matches("postgresql@").parse().ok())
            else {
                continue;
            };
            let bin = entry.path().join(below);
            if complete(&bin) {
                found.push((major, bin));
            }
        }
    }
    found
}

fn in_path() -> Vec<(u32, PathBuf)> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter_map(|bin| version(&bin).map(|found| (found, bin)))
        .collect()
}

fn complete(bin: &Path) -> bool {
    ["postgres", "initdb", "pg_ctl"]
        .iter()
        .all(|tool| bin.join(tool).is_file())
}

/// Major version of the server in a directory, if all that is needed is there.
fn version(bin: &Path) -> Option<u32> {
    if !complete(bin) {
        return None;
    }
    let output = Command::new(bin.join("postgres"))
        .arg("--version")
        .output()
        .ok()?;
    major(OsStr::to_str(OsStr::new(
        std::str::from_utf8(&output.stdout).ok()?,
    ))?)
}

/// Reads `postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)`, or `17beta1`.
fn major(text: &str) -> Option<u32> {
    let version = text.split(") ").nth(1)?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_the_server_says() {
        assert_eq!(
            major("postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major("postgres (PostgreSQL) 17beta1\n"), Some(17));
        assert_eq!(major("something else"), None);
    }

    #[test]
    fn a_directory_without_a_server_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        assert!(matches!(
            find(Some(dir.path()), dir.path()),
            Err(ClusterError::NoBinaries)
        ));
    }

    #[test]
    fn a_cluster_of_a_version_that_is_not_here_is_refused_with_its_version() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("PG_VERSION"), "9\n").expect("written");
        let error = find(None, dir.path()).expect_err("there is no version 9");
        assert!(matches!(error, ClusterError::WrongVersion { version, .. } if version == "9"));
    }
}
