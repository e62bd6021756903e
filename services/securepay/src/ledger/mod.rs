//! The ledger: accounts in double entry, transfers between them, holds.
//!
//! This module decides and does no I/O. A [`Book`] is the part of the ledger that a
//! writer keeps in memory: it is given requests in the order in which they arrived,
//! answers each at once, and collects in a [`Batch`] what has to be stored. The same
//! requests on the same book give the same answers: nothing here reads a clock or
//! draws a number.
//!
//! | What | Where |
//! |---|---|
//! | accounts, their totals and limits | [`account`] |
//! | what may be asked, and what is written down | [`operation`] |
//! | holds: money that is promised | [`hold`] |
//! | deciding | [`book`] |
//! | what a batch changes, for the database | [`batch`] |
//! | the chain of hashes over batches | [`chain`] |
//! | refusals in the words of the API | `refusal` |
//!
//! Terms are those of bookkeeping: a transfer *debits* one account and *credits*
//! another with the same amount, so that over all accounts of a ledger both sides are
//! always equal. The balance of an account is its credits without its debits: what the
//! hospital owes to whoever the account belongs to. A wallet therefore must not have
//! more debits than credits, and what somebody owes the hospital is a negative balance.

pub mod account;
pub mod batch;
pub mod book;
pub mod chain;
pub mod hold;
pub mod operation;
mod refusal;

#[cfg(test)]
mod model;

pub use account::{Account, AccountId, LedgerId, Limit, Standing, StandingError, Totals};
pub use batch::Batch;
pub use book::Book;
pub use hold::{Hold, HoldId, HoldState};
pub use operation::{
    Amount, Group, Kind, Operation, Posting, Rejection, Request, Stamp, TransferId,
};
