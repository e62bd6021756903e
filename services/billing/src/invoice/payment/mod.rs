//! Paying an invoice: in cash at a till ([`cash`]), at once; or from a wallet, which is a
//! process across billing and SecurePay.
//!
//! What is wanted from a wallet is stored with the invoice, so that all payments together never exceed
//! what is due. Then SecurePay is asked, by whoever wants to pay and afterwards by a job,
//! always for the same payment, until it says yes or no; its own event says it as well,
//! and whoever is first decides. After the deadline it is only asked whether there is
//! such a payment. One that turns up after it was given up is given back.

pub mod ask;
pub mod cash;
pub mod decision;
pub mod pay;
pub mod process;
pub mod store;
