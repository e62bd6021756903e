//! What SecurePay knows of payers: that they exist.

pub mod directory;

pub use directory::Payers;
