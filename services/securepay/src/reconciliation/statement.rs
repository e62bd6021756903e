//! A bank's statement of one account: what it says, and whether it adds up. Pure.

use aws_lc_rs::digest::{SHA256, digest};
use galen_kernel::Currency;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// A statement that adds up. Amounts are minor units of its currency; a balance of more
/// than zero is the hospital's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// The bank's name for the message; another one when it is sent again.
    #[serde(skip)]
    pub message_id: String,
    /// The bank's name for the statement.
    pub id: String,
    /// Which account: an IBAN, or the bank's own number.
    pub account: String,
    /// Its currency.
    pub currency: Currency,
    /// Before the first entry.
    pub opening: i64,
    /// After the last one.
    pub closing: i64,
    /// The day of the closing balance.
    pub closed_on: Date,
    /// What was booked, in the bank's order, without what is pending.
    pub entries: Vec<Entry>,
}

/// Whether money came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum Direction {
    /// Onto the account.
    In,
    /// From the account.
    Out,
}

/// One booked entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its place among all entries of the document, from one.
    pub number: i32,
    /// Whether it came or went.
    pub direction: Direction,
    /// How much: more than zero.
    pub amount: i64,
    /// When the bank booked it.
    pub booked_on: Date,
    /// From when on it counts for interest.
    pub value_on: Option<Date>,
    /// It undoes an earlier one, or came back.
    pub is_return: bool,
    /// The bank's own name for it.
    pub bank_reference: Option<String>,
    /// What people and other banks wrote.
    pub said: Said,
}

/// What others wrote into an entry: names, accounts, texts. Sealed where it is stored.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// Whoever ordered it called it so; passed on unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_to_end_id: Option<String>,
    /// The first bank called it so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// A structured reference (ISO 11649 and others).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The other side's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party: Option<String>,
    /// The other side's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party_account: Option<String>,
}

/// Names and texts of people stay out of logs.
impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Said")
    }
}

impl Entry {
    /// More than zero when it came, less when it went.
    #[must_use]
    pub const fn signed(&self) -> i64 {
        match self.direction {
            Direction::In => self.amount,
            Direction::Out => -self.amount,
        }
    }
}

impl Statement {
    /// Whether opening balance and entries make the closing balance.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        let moved: i128 = self
            .entries
            .iter()
            .map(|entry| i128::from(entry.signed()))
            .sum();
        i128::from(self.opening) + moved == i128::from(self.closing)
    }

    /// SHA-256 over what it says, however the document that says it is written.
    ///
    /// # Panics
    /// Never: a statement is plain data.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let said = serde_json::to_vec(self).expect("a statement is plain data");
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, &said).as_ref());
        fingerprint
    }
}
