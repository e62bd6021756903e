//! Sending: claims what is due, finds the way, hands over, writes down what came of it.

pub mod claim;
pub mod email;
pub mod measure;
pub mod outage;
pub mod sender;
pub mod settle;
pub mod sms;
pub mod smtp;
pub mod spool;

use std::borrow::Cow;

pub use sender::Sender;

/// What a provider made of a message. Codes only: its words may hold the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandedOver {
    /// It has it.
    Delivered,
    /// It will never take it for this address.
    Refused(Code),
    /// Not now, for a reason that concerns this message.
    Failed(Code),
    /// Not now, for a reason that concerns every message.
    Down(Code),
}

/// Why something was not delivered, SCREAMING_SNAKE.
pub type Code = Cow<'static, str>;
