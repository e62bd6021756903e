//! The chain: every batch carries a hash of its postings and of the batch before, so
//! that nobody changes, removes or reorders one without all later hashes showing it.

use aws_lc_rs::digest::{Context, SHA256};

use super::operation::Posting;

/// SHA-256 over a batch and all before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Link(pub [u8; 32]);

impl Link {
    /// Before the first batch.
    pub const GENESIS: Self = Self([0; 32]);

    /// The link of the next batch. Postings in their order.
    #[must_use]
    pub fn next(&self, postings: &[Posting]) -> Self {
        let mut hash = Context::new(&SHA256);
        hash.update(b"galen ledger batch 1");
        hash.update(&self.0);
        hash.update(&(postings.len() as u64).to_be_bytes());
        for posting in postings {
            hash.update(&canonical(posting));
        }
        let mut link = [0; 32];
        link.copy_from_slice(hash.finish().as_ref());
        Self(link)
    }
}

/// A posting as bytes: every field at a fixed place, numbers in network order, what is
/// absent as zeroes behind a zero.
#[must_use]
pub fn canonical(posting: &Posting) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(160);
    bytes.extend_from_slice(&posting.at.0.to_be_bytes());
    bytes.extend_from_slice(posting.id.0.as_bytes());
    bytes.extend_from_slice(&posting.kind.number().to_be_bytes());
    bytes.extend_from_slice(&posting.ledger.0.to_be_bytes());
    for number in [
        posting.debit.0,
        posting.credit.0,
        posting.amount.minor(),
        posting.debit_balance,
        posting.credit_balance,
    ] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    optional(&mut bytes, posting.hold.map(|hold| *hold.0.as_bytes()));
    optional(
        &mut bytes,
        posting.expires_at.map(|stamp| stamp.0.to_be_bytes()),
    );
    bytes.extend_from_slice(&posting.code.to_be_bytes());
    optional(&mut bytes, posting.reference.map(|id| *id.as_bytes()));
    bytes
}

fn optional<const N: usize>(bytes: &mut Vec<u8>, value: Option<[u8; N]>) {
    bytes.push(u8::from(value.is_some()));
    bytes.extend_from_slice(&value.unwrap_or([0; N]));
}
