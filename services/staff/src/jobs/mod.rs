//! What staff does by itself.

pub mod extend_patterns;
pub mod forget_answers;
