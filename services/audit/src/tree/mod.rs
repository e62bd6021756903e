//! The Merkle tree over the entries (RFC 6962): a root commits to every entry and
//! to their order, and short proofs show that an entry is in it, or that one root
//! continues another.

pub mod growth;
pub mod hash;
mod place;
pub mod proof;
pub(crate) mod show;
pub(crate) mod store;

pub(crate) use place::place;
