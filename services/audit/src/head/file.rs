//! The file of the signed heads, one a line. It is outside of the database: a
//! database that was set back to an earlier day is behind it, and found out.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Its name in the service's data directory.
pub(crate) const NAME: &str = "heads.jsonl";

#[derive(Serialize, Deserialize)]
struct Line {
    note: String,
}

/// Adds a head, durably. What a crash left of a last line is ended first.
pub(crate) fn append(path: &Path, note: &str) -> io::Result<()> {
    let line = Line {
        note: note.to_owned(),
    };
    let mut line = serde_json::to_string(&line)?;
    line.push('\n');
    let whole = fs::read(path).map_or(true, |known| known.is_empty() || known.ends_with(b"\n"));
    if !whole {
        line.insert(0, '\n');
    }
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

/// The notes of all heads, in order. Half a line, which a crash left, is passed over.
///
/// # Errors
/// When the file cannot be read; a file that is not there holds nothing.
pub(crate) fn read(path: &Path) -> io::Result<Vec<String>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        text => text?,
    };
    Ok(text
        .lines()
        .filter_map(|line| serde_json::from_str::<Line>(line).ok())
        .map(|line| line.note)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_in_the_order_they_were_added() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        assert_eq!(read(&path).unwrap(), Vec::<String>::new());
        append(&path, "one\ntwo\n").unwrap();
        fs::write(
            &path,
            fs::read_to_string(&path).unwrap() + "{\"note\": \"half",
        )
        .unwrap();
        append(&path, "three").unwrap();
        assert_eq!(read(&path).unwrap(), ["one\ntwo\n", "three"]);
    }
}
