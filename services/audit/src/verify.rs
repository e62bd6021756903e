//! Looks for entries that were changed, removed, moved or added later. Trusts the
//! key of the signed heads and nothing else.

use std::path::Path;

use galen_storage::{Db, Error};
use sqlx::PgConnection;

use crate::entry::store::{self as entries, Leaf};
use crate::head::model::{Head, Verifier};
use crate::head::{file, key, store as heads};
use crate::tree::growth::{Growth, Subtree};
use crate::tree::store::{self as tree, signed};

/// Leaves looked at in one query.
const BATCH: i64 = 4096;
/// Findings told one by one.
const TOLD: usize = 20;
/// No transaction lasts so long: an entry without a place, when there are places
/// for entries that are younger by this much, was forgotten.
const PATIENCE_SECONDS: f64 = 60.0;

/// What there is to check with, outside of the database.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// The key of the heads.
    pub key: Option<Verifier>,
    /// Notes of heads that were published.
    pub notes: Vec<String>,
}

impl Evidence {
    /// What the audit service keeps in its data directory.
    ///
    /// # Errors
    /// When a file is there and cannot be read.
    pub fn in_directory(dir: &Path) -> std::io::Result<Self> {
        Ok(Self {
            key: Self::key_file(&dir.join(key::PUBLIC))?,
            notes: file::read(&dir.join(file::NAME))?,
        })
    }

    /// The key in a file; `None` when there is no file.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else.
    pub fn key_file(path: &Path) -> std::io::Result<Option<Verifier>> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        Verifier::parse(&text).map(Some).ok_or_else(|| {
            std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not a verifier key")
        })
    }

    /// The heads in a file, as it is published.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn heads_file(path: &Path) -> std::io::Result<Vec<String>> {
        std::fs::metadata(path)?;
        file::read(path)
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// How many entries were checked.
    pub entries: u64,
    /// How many signed heads they agree with.
    pub heads: usize,
    /// What is wrong, the first wrong entry first.
    pub findings: Vec<String>,
}

/// Recomputes the tree from the entries and compares it with every signed head.
///
/// # Errors
/// When the database fails.
pub async fn verify(db: &Db, evidence: &Evidence) -> Result<Report, Error> {
    let mut tx = db.begin().await?;
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(tx.conn())
        .await?;
    let mut findings = Findings::default();
    let heads = published(tx.conn(), evidence, &mut findings).await?;
    let (size, agreeing) = walk(tx.conn(), &heads, &mut findings).await?;
    let (waiting, first) = entries::forgotten(tx.conn(), PATIENCE_SECONDS).await?;
    if let Some(first) = first {
        findings.tell(format!(
            "{waiting} entries have no place in the tree, the first is number {first}"
        ));
    }
    tx.rollback().await?;
    Ok(Report {
        entries: size,
        heads: agreeing,
        findings: findings.finish(),
    })
}

#[derive(Default)]
struct Findings {
    told: Vec<String>,
    more: usize,
}

impl Findings {
    fn tell(&mut self, finding: String) {
        if self.told.len() < TOLD {
            self.told.push(finding);
        } else {
            self.more += 1;
        }
    }

    fn finish(mut self) -> Vec<String> {
        if self.more > 0 {
            self.told.push(format!("and {} more", self.more));
        }
        self.told
    }
}

/// The heads that the key has signed, in the database and outside of it, smallest
/// first.
async fn published(
    db: &mut PgConnection,
    evidence: &Evidence,
    findings: &mut Findings,
) -> Result<Vec<Head>, Error> {
    let stored = heads::all(db).await?;
    let Some(key) = &evidence.key else {
        if !stored.is_empty() || !evidence.notes.is_empty() {
            findings.tell("there are signed heads and no key to check them with".to_owned());
        }
        return Ok(Vec::new());
    };
    let mut heads = Vec::new();
    let named = stored
        .iter()
        .map(|(size, note)| (format!("the stored head of size {size}"), note))
        .chain(
            evidence
                .notes
                .iter()
                .zip(1..)
                .map(|(note, line)| (format!("head {line} of the file"), note)),
        );
    for (name, note) in named {
        match key.read(note) {
            Ok(head) => heads.push(head),
            Err(error) => findings.tell(format!("{name} proves nothing: {error}")),
        }
    }
    heads.sort_by_key(|head| (head.size, head.at, head.root.0));
    heads.dedup();
    Ok(heads)
}

/// Goes along the leaves; returns how many there are, and with how many heads they
/// agree.
async fn walk(
    db: &mut PgConnection,
    heads: &[Head],
    findings: &mut Findings,
) -> Result<(u64, usize), Error> {
    let mut growth = Growth::default();
    let mut rest = heads.iter().peekable();
    let mut agreeing = Vec::new();
    'all: loop {
        let leaves = entries::leaves(db, signed(growth.size()), BATCH).await?;
        if leaves.is_empty() {
            break;
        }
        let mut made = Vec::new();
        for leaf in &leaves {
            let index = growth.size();
            if leaf.index != signed(index) {
                findings.tell(format!(
                    "entry {index} was removed: the next is {}",
                    leaf.index
                ));
                break 'all;
            }
            check(leaf, findings);
            growth.push(leaf.hash, |subtree| made.push(subtree));
            while let Some(head) = rest.next_if(|head| head.size == growth.size()) {
                if head.root == growth.root() {
                    agreeing.push(head.size);
                } else {
                    let since = agreeing.last().copied().unwrap_or(0);
                    findings.tell(format!(
                        "the head of size {} of {} is not the root of these entries: the first wrong one is not before {since}",
                        head.size, head.at
                    ));
                }
            }
        }
        compare(db, &made, findings).await?;
    }
    for head in rest {
        findings.tell(format!(
            "the head of {} commits to {} entries, and there are {}: entry {} was removed, or the database was set back",
            head.at,
            head.size,
            growth.size(),
            growth.size()
        ));
    }
    Ok((growth.size(), agreeing.len()))
}

/// Whether an entry is the one that its leaf was made of.
fn check(leaf: &Leaf, findings: &mut Findings) {
    match &leaf.entry {
        None => findings.tell(format!("entry {} was removed", leaf.index)),
        Some(entry) if entry.hash() != leaf.hash => {
            findings.tell(format!("entry {} was changed", leaf.index));
        }
        Some(_) => {}
    }
}

/// Whether the stored subtrees are those of the leaves: narrows down where leaves
/// were changed together with their entries.
async fn compare(
    db: &mut PgConnection,
    made: &[Subtree],
    findings: &mut Findings,
) -> Result<(), Error> {
    let inner: Vec<_> = made.iter().filter(|subtree| subtree.level > 0).collect();
    let wanted: Vec<_> = inner.iter().map(|s| (s.level, s.index)).collect();
    let stored = tree::subtrees(db, &wanted).await?;
    for subtree in inner {
        let known = stored.get(&(subtree.level, subtree.index));
        // Only the lowest: those above it are wrong because it is.
        if known != Some(&subtree.hash) && subtree.level == 1 {
            let first = subtree.index << 1;
            findings.tell(format!(
                "entries {first} and {} are not those that were hashed together",
                first + 1
            ));
        }
    }
    Ok(())
}
