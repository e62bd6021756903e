//! A statement of account as the API shows it.

use galen_contracts::ids::PatientId;
use galen_kernel::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Account, Ageing, Kind, Movement};
use crate::amount::AmountView;
use crate::invoice::view::number;

/// What a patient was asked for and has paid, and what is left.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountStatement)]
#[serde(rename_all = "camelCase")]
pub struct StatementView {
    /// Whose.
    pub patient_id: Uuid,
    /// Its first day; without it, everything from the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub from: Option<Date>,
    /// The first day that is not in it any more.
    #[schema(value_type = String, format = Date)]
    pub to: Date,
    /// One for each currency that the patient was invoiced in until then.
    pub accounts: Vec<AccountView>,
}

/// What happened in one currency: `closing = opening + Σ entries.amount = Σ ageing`.
#[derive(Serialize, ToSchema)]
#[schema(as = StatementAccount)]
#[serde(rename_all = "camelCase")]
pub struct AccountView {
    /// ISO 4217.
    #[schema(min_length = 3, max_length = 3, example = "EUR")]
    pub currency: String,
    /// What was owed before `from`.
    pub opening: AmountView,
    /// What changed it, in order.
    pub entries: Vec<EntryView>,
    /// What was owed at the end.
    pub closing: AmountView,
    /// For how long that has been due, on the last day; what is in a payment plan, by its
    /// instalments.
    pub ageing: AgeingView,
}

/// A change of what is owed.
#[derive(Serialize, ToSchema)]
#[schema(as = StatementEntry)]
#[serde(rename_all = "camelCase")]
pub struct EntryView {
    /// When.
    pub at: Timestamp,
    /// On which day of the hospital.
    #[schema(value_type = String, format = Date)]
    pub on: Date,
    /// Why.
    pub kind: Kind,
    /// Of which invoice.
    pub invoice_id: Uuid,
    /// What people call it.
    #[schema(example = "INV-00000042")]
    pub invoice_number: String,
    /// The payment, refund, credit note, write-off or claim that it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_id: Option<Uuid>,
    /// More is owed, or, below nothing, less.
    pub amount: AmountView,
    /// What is owed afterwards.
    pub balance: AmountView,
}

/// What is left to be paid, by how long it has been due.
#[derive(Serialize, ToSchema)]
#[schema(as = StatementAgeing)]
#[serde(rename_all = "camelCase")]
pub struct AgeingView {
    /// Not due yet, or on the last day.
    pub current: AmountView,
    /// 1 to 30 days past due.
    pub days_1_to_30: AmountView,
    /// 31 to 60 days.
    pub days_31_to_60: AmountView,
    /// 61 to 90 days.
    pub days_61_to_90: AmountView,
    /// More than 90 days.
    pub over_90_days: AmountView,
}

impl StatementView {
    /// Shows one.
    #[must_use]
    pub fn of(
        patient: PatientId,
        (from, to): (Option<Date>, Date),
        accounts: &[Account],
        zone: &TimeZone,
    ) -> Self {
        Self {
            patient_id: patient.uuid(),
            from,
            to,
            accounts: accounts.iter().map(|a| AccountView::of(a, zone)).collect(),
        }
    }
}

impl AccountView {
    fn of(account: &Account, zone: &TimeZone) -> Self {
        let money = |minor| AmountView::of(minor, account.currency);
        let Ageing {
            current,
            to_30,
            to_60,
            to_90,
            older,
        } = account.ageing;
        Self {
            currency: account.currency.code().to_owned(),
            opening: money(account.opening),
            entries: account
                .entries
                .iter()
                .map(|(movement, balance)| EntryView::of(movement, *balance, zone))
                .collect(),
            closing: money(account.closing),
            ageing: AgeingView {
                current: money(current),
                days_1_to_30: money(to_30),
                days_31_to_60: money(to_60),
                days_61_to_90: money(to_90),
                over_90_days: money(older),
            },
        }
    }
}

impl EntryView {
    fn of(movement: &Movement, balance: i64, zone: &TimeZone) -> Self {
        Self {
            at: movement.at,
            on: movement.at.to_zoned(zone.clone()).date(),
            kind: movement.kind,
            invoice_id: movement.invoice,
            invoice_number: number(movement.number),
            source_id: movement.source,
            amount: AmountView::of(movement.amount, movement.currency),
            balance: AmountView::of(balance, movement.currency),
        }
    }
}
