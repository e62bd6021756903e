//! What messages say: versioned, localised texts with known variables.

pub mod activate;
pub mod list;
pub mod locale;
pub mod model;
pub mod preview;
pub mod show;
pub mod store;
pub mod text;
pub mod upload;
pub mod words;

pub use locale::Locale;
pub use model::{Category, Channel, Draft, TemplateName};
pub use text::{Text, Values, Variable};
