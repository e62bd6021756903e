//! How a patient wants to be told.

pub mod change;
pub mod model;
pub mod quiet;
pub mod show;
pub mod store;

pub use model::Preferences;
pub use quiet::QuietHours;
