//! Columns that a stolen copy of the database does not give away.
//!
//! A value about somebody is sealed (AES-256-GCM) with a *data key* of that *subject*,
//! bound to its schema, table, column and row. Data keys lie beside the data, wrapped by
//! a *master key* that does not: it is in a file, or in a key management service behind
//! [`MasterKeys`]. Replacing the master re-wraps the data keys and touches no data;
//! deleting a subject's data keys erases the subject, wherever the data was copied to.
//!
//! | Layer | File |
//! |---|---|
//! | what a sealed value is, pure | [`seal`], [`mod@column`] |
//! | data keys in the database and in memory | [`vault`], `store` |
//! | master keys | [`master`], [`ring`], [`mod@file`] |
//! | equality without reading | [`index`] |
//! | new masters for old | [`rotate`] |
//! | new data keys for old | [`mod@reseal`] |
//! | what `galen verify` asks | [`check`] |
//!
//! **What it does not hide.** Who has entries, how many, of which kind and when they
//! were written; lengths, to 32 bytes; which values of a blind index are equal, and how
//! often each occurs. Whoever has both the database and the master keys, or the memory
//! of a running process, reads everything.
//!
//! Architecture invariant: failing to open is an error. There is no way to read a
//! sealed column that gives back what is stored when it cannot be opened, and none to
//! write plaintext into one.

pub mod check;
pub mod column;
pub mod error;
pub mod file;
pub mod index;
pub mod master;
pub mod reseal;
pub mod ring;
pub mod rotate;
pub mod seal;
mod store;
pub mod vault;

pub use column::{Column, Sealed, SealedColumn};
pub use error::Error;
pub use file::FileKeys;
pub use index::{Blind, BlindIndex};
pub use master::{MasterError, MasterId, MasterKeys, Secret};
pub use ring::{MemoryKeys, Ring};
pub use seal::{DataKey, Keyring, Subject};
pub use store::DATA_KEYS;
pub use vault::Vault;
