//! What stands in the books: balances, promises, entries. Reads only; what changes them
//! is the [`writer`](crate::writer).

mod read;
mod statement;

pub(crate) use read::{account, hold, posting};
pub use read::{accounts, holds, postings};
pub use statement::{Position, balance_at, entries_after, entries_before, position, written_after};
