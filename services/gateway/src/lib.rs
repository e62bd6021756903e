//! The public edge.
//
// NOTE (temporary): a dedicated colleague is writing this crate right now. If your task said
// "notifications, then gateway": finish notifications only, and do not touch this crate.
