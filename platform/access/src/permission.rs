//! What can be permitted.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One thing a principal may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Permission {
    /// See accounts, their roles and state.
    UserRead,
    /// Create accounts, change roles, lock.
    UserManage,
    /// See demographics, coverages.
    PatientRead,
    /// Register and change patients, coverages.
    PatientWrite,
    /// Merge and unmerge records, work the duplicate queue.
    PatientMerge,
    /// Ask for the erasure of a patient, approve and reject it.
    PatientErase,
    /// Read the clinical record: allergies, conditions, vitals, notes.
    RecordRead,
    /// Write the clinical record.
    RecordWrite,
    /// Open the record of somebody whom the caller does not care for, in an emergency.
    BreakGlass,
    /// See who broke the glass to a patient's record, and why.
    AccessLogRead,
    /// Judge whether the glass was rightly broken.
    BreakGlassReview,
    /// See practitioners, and their shifts.
    StaffRead,
    /// Register and change practitioners, plan shifts.
    StaffManage,
    /// See leaves.
    LeaveRead,
    /// Ask for and withdraw leave.
    LeaveRequest,
    /// Approve and reject leave.
    LeaveDecide,
    /// Look for free doctors and slots.
    SlotRead,
    /// See appointments.
    AppointmentRead,
    /// Hold slots, book, confirm, reschedule, cancel; join and answer the waitlist.
    AppointmentBook,
    /// Check in, mark and revert no-shows.
    AppointmentAttend,
    /// Start and complete consultations.
    AppointmentTreat,
    /// See message templates and sent messages.
    NotificationRead,
    /// Change templates, resend messages.
    NotificationManage,
    /// See and change how a patient wants to be told.
    PreferenceManage,
    /// See lag, dead letters, processes, jobs.
    OpsRead,
    /// Redrive, discard, rebuild.
    OpsManage,
    /// Follow the live stream.
    StreamRead,
    /// Read who did what: the audit log, its signed roots and proofs.
    AuditRead,
    /// See wallets, their balances and entries.
    WalletRead,
    /// Open, freeze and close wallets of others.
    WalletManage,
    /// See payments, top-ups and payouts.
    PaymentRead,
    /// Pay from a wallet, top it up, pay it out; capture and void.
    PaymentMake,
    /// Give back what was paid.
    PaymentRefund,
    /// See the trial balance, the reconciliation and the daily close.
    LedgerRead,
    /// Import bank statements, match and clear what is in suspense.
    LedgerReconcile,
    /// See and change where other systems are told of payments.
    WebhookManage,
    /// See tariffs, payers and insurance plans.
    CatalogueRead,
    /// Change tariffs, payers and insurance plans.
    CatalogueManage,
    /// Have it worked out who would pay what.
    EstimateRead,
    /// See charges, invoices and statements of account.
    InvoiceRead,
    /// Charge, invoice, credit; agree on payment plans.
    InvoiceManage,
    /// Pay an invoice from a wallet.
    InvoicePay,
    /// Approve refunds and write-offs that somebody else asked for, and what is missing
    /// in somebody else's till.
    RefundApprove,
    /// Open a till, take and give back cash in it, count it.
    CashManage,
    /// See claims and what insurers answered.
    ClaimRead,
    /// Prepare, submit and correct claims, post remittances.
    ClaimManage,
}

impl Permission {
    /// Every permission, for tables and tests.
    pub const ALL: &[Self] = &[
        Self::UserRead,
        Self::UserManage,
        Self::PatientRead,
        Self::PatientWrite,
        Self::PatientMerge,
        Self::PatientErase,
        Self::RecordRead,
        Self::RecordWrite,
        Self::BreakGlass,
        Self::AccessLogRead,
        Self::BreakGlassReview,
        Self::StaffRead,
        Self::StaffManage,
        Self::LeaveRead,
        Self::LeaveRequest,
        Self::LeaveDecide,
        Self::SlotRead,
        Self::AppointmentRead,
        Self::AppointmentBook,
        Self::AppointmentAttend,
        Self::AppointmentTreat,
        Self::NotificationRead,
        Self::NotificationManage,
        Self::PreferenceManage,
        Self::OpsRead,
        Self::OpsManage,
        Self::StreamRead,
        Self::AuditRead,
        Self::WalletRead,
        Self::WalletManage,
        Self::PaymentRead,
        Self::PaymentMake,
        Self::PaymentRefund,
        Self::LedgerRead,
        Self::LedgerReconcile,
        Self::WebhookManage,
        Self::CatalogueRead,
        Self::CatalogueManage,
        Self::EstimateRead,
        Self::InvoiceRead,
        Self::InvoiceManage,
        Self::InvoicePay,
        Self::RefundApprove,
        Self::CashManage,
        Self::ClaimRead,
        Self::ClaimManage,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserRead => "USER_READ",
            Self::UserManage => "USER_MANAGE",
            Self::PatientRead => "PATIENT_READ",
            Self::PatientWrite => "PATIENT_WRITE",
            Self::PatientMerge => "PATIENT_MERGE",
            Self::PatientErase => "PATIENT_ERASE",
            Self::RecordRead => "RECORD_READ",
            Self::RecordWrite => "RECORD_WRITE",
            Self::BreakGlass => "BREAK_GLASS",
            Self::AccessLogRead => "ACCESS_LOG_READ",
            Self::BreakGlassReview => "BREAK_GLASS_REVIEW",
            Self::StaffRead => "STAFF_READ",
            Self::StaffManage => "STAFF_MANAGE",
            Self::LeaveRead => "LEAVE_READ",
            Self::LeaveRequest => "LEAVE_REQUEST",
            Self::LeaveDecide => "LEAVE_DECIDE",
            Self::SlotRead => "SLOT_READ",
            Self::AppointmentRead => "APPOINTMENT_READ",
            Self::AppointmentBook => "APPOINTMENT_BOOK",
            Self::AppointmentAttend => "APPOINTMENT_ATTEND",
            Self::AppointmentTreat => "APPOINTMENT_TREAT",
            Self::NotificationRead => "NOTIFICATION_READ",
            Self::NotificationManage => "NOTIFICATION_MANAGE",
            Self::PreferenceManage => "PREFERENCE_MANAGE",
            Self::OpsRead => "OPS_READ",
            Self::OpsManage => "OPS_MANAGE",
            Self::StreamRead => "STREAM_READ",
            Self::AuditRead => "AUDIT_READ",
            Self::WalletRead => "WALLET_READ",
            Self::WalletManage => "WALLET_MANAGE",
            Self::PaymentRead => "PAYMENT_READ",
            Self::PaymentMake => "PAYMENT_MAKE",
            Self::PaymentRefund => "PAYMENT_REFUND",
            Self::LedgerRead => "LEDGER_READ",
            Self::LedgerReconcile => "LEDGER_RECONCILE",
            Self::WebhookManage => "WEBHOOK_MANAGE",
            Self::CatalogueRead => "CATALOGUE_READ",
            Self::CatalogueManage => "CATALOGUE_MANAGE",
            Self::EstimateRead => "ESTIMATE_READ",
            Self::InvoiceRead => "INVOICE_READ",
            Self::InvoiceManage => "INVOICE_MANAGE",
            Self::InvoicePay => "INVOICE_PAY",
            Self::RefundApprove => "REFUND_APPROVE",
            Self::CashManage => "CASH_MANAGE",
            Self::ClaimRead => "CLAIM_READ",
            Self::ClaimManage => "CLAIM_MANAGE",
        }
    }
}

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|permission| permission.name() == s)
            .ok_or(UnknownPermission)
    }
}

/// Not the name of a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a permission")]
pub struct UnknownPermission;
