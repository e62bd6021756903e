//! Merging two records of one person, and undoing it: told as events.

#[expect(
    clippy::module_inception,
    reason = "files are verbs, and this one's verb is its folder's noun"
)]
pub mod merge;
pub mod model;
pub mod store;
pub mod unmerge;
