//! Documents on paper: invoices, receipts, credit notes and statements, as PDF.
//!
//! | File | What |
//! |---|---|
//! | [`document`] | what a document says |
//! | [`invoice`], [`receipt`], [`credit_note`] | documents of what is stored: pure |
//! | [`layout`] | where on the paper everything stands: pure |
//! | [`font`], [`pdf`] | letters, and the file |
//! | [`letterhead`], [`addressee`], [`words`] | who it is from and for, and how it is put |
//! | [`get`] | the routes; that of an invoice is with the invoice |
//!
//! Nothing printed is kept: a document is made from what is stored, whenever somebody
//! asks for it, and the same each time.

pub mod addressee;
pub mod credit_note;
pub mod document;
pub mod font;
pub mod get;
pub mod invoice;
pub mod layout;
pub mod letterhead;
pub mod pdf;
pub mod receipt;
pub mod words;

use std::sync::Arc;

use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use letterhead::Letterhead;
pub use pdf::print;

use crate::Billing;

/// The media type of everything that is printed.
pub const PDF: &str = "application/pdf";
/// The media type of everything else.
pub const JSON: &str = "application/json";

/// A document to be printed or kept: PDF/A-2b.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct Pdf(pub bytes::Bytes);

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<Billing>> {
    OpenApiRouter::new()
        .routes(routes!(get::receipt))
        .routes(routes!(get::credit_note))
}
