//! Medical record numbers: how they are written, checked and handed out.

pub mod model;
pub mod series;

pub use model::{Mrn, MrnError, Prefix};
pub use series::Series;
