//! Tariffs: what a service costs, by day, payer and class of encounter.
//!
//! Of several that fit, the one that was agreed with the payer comes before the one for
//! everybody, and one for the class of encounter before one for all. Two that say the
//! same cannot be in force on one day, so there is one answer. Where there is none,
//! there is no price; that is not a price of nothing.

pub mod end;
pub mod find;
pub mod model;
pub mod set;
pub mod store;
pub mod view;

pub use model::{Priced, Tariff, TariffError, TariffId};
pub use store::price;
