//! Lists that stay stable while rows are written: keyset pages with opaque cursors.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Problem;

/// How many items a page has when the client does not say.
pub const DEFAULT_LIMIT: u16 = 50;
/// The most items a page can have.
pub const MAX_LIMIT: u16 = 200;

/// One page of a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Give it back as `cursor` for the next page; null at the end.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of rows that were fetched with `limit + 1`: the extra row only
    /// tells that there is more. `key` names the position of an item.
    pub fn from_rows<K: Serialize>(mut rows: Vec<T>, limit: u16, key: impl Fn(&T) -> K) -> Self {
        let more = rows.len() > usize::from(limit);
        rows.truncate(usize::from(limit));
        let next_cursor = if more {
            rows.last().map(|last| Cursor::encode(&key(last)))
        } else {
            None
        };
        Self {
            items: rows,
            next_cursor,
        }
    }

    /// The same page of other items.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            next_cursor: self.next_cursor,
        }
    }
}

/// An opaque position in a list.
pub struct Cursor;

impl Cursor {
    /// Writes a position. The content is no secret, only nobody else's business.
    pub fn encode<K: Serialize>(key: &K) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).expect("a list position is plain data"))
    }

    /// Reads a position that [`Cursor::encode`] wrote.
    ///
    /// # Errors
    /// A 400 on `?cursor` for anything else.
    pub fn decode<K: DeserializeOwned>(text: &str) -> Result<K, Problem> {
        URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(|| {
                Problem::invalid_field("?cursor", "INVALID_CURSOR", "is not a cursor of this list")
            })
    }
}

/// Checks a wished page size.
///
/// # Errors
/// A 400 on `?limit` outside 1 to [`MAX_LIMIT`].
pub fn limit(wished: Option<u16>) -> Result<u16, Problem> {
    match wished.unwrap_or(DEFAULT_LIMIT) {
        n if (1..=MAX_LIMIT).contains(&n) => Ok(n),
        _ => Err(Problem::invalid_field(
            "?limit",
            "OUT_OF_RANGE",
            "must be 1 to 200",
        )),
    }
}
