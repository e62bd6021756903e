//! What an appointment costs, as billing says when it is booked.
//!
//! The price comes from billing's tariff, never from a client, and is stored with the
//! appointment as it was told. Billing is asked beside the other questions before a
//! booking. When it does not answer then, the booking process asks it again, and goes on
//! without a price in the end: somebody who needs a doctor is not sent away for want of
//! one, and what is charged is priced by billing anyway. That there is no price says
//! nothing about what it will cost.

pub mod directory;
pub mod model;

pub use directory::Prices;
pub use model::{Offer, PriceStatus, Pricing, Quote, Told, Unaffordable, affordable_together};
