//! Billing: what care costs, who owes it, and why.
//!
//! **Owns** the [`catalogue`] of payers, tariffs and insurance plans, which are data
//! ([`plan`]); the one function that applies plans ([`adjudication`]) and what was
//! counted under policies ([`cover`]); charges, invoices and what is still owed;
//! claims to payers and what they answered; tills ([`cash_session`]), and debts that are
//! paid in instalments ([`payment_plan`]).
//!
//! Money itself is in SecurePay's ledger: billing says what is to move, and keeps why.
//!
//! Each folder offers its routes and work itself; this file puts them together.

pub mod adjudication;
mod amount;
pub mod cash_session;
pub mod catalogue;
pub mod charge;
mod checks;
pub mod claim;
pub mod cover;
pub mod field;
pub mod invoice;
pub mod journal;
pub mod patient;
pub mod payment_plan;
pub mod plan;
pub mod position;
pub mod prepayment;
pub mod print;
mod problems;
pub mod reactions;
mod settings;
pub mod statement;
mod wallet_payment;
mod words;

use std::sync::Arc;

use galen_contracts::patients::v1::patient_directory_client::PatientDirectoryClient;
use galen_contracts::securepay::v1::account_service_client::AccountServiceClient;
use galen_contracts::securepay::v1::payment_service_client::PaymentServiceClient;
use galen_eventing::{Processes, TimerSubscription, subscription};
use galen_kernel::{Clock, Currency};
use galen_service::{Check, Job, Platform, ProblemPage, Service, Setting, StartError};
use galen_storage::{Db, Migration, SchemaSpec, migrations};
use galen_vault::{SealedColumn, Vault};
use tokio::sync::Notify;
use tonic::transport::Channel;
use utoipa_axum::router::OpenApiRouter;

use crate::invoice::payment::process::PaymentProcess;

/// The schema's history.
pub const MIGRATIONS: &[Migration] = migrations![
    "0001_catalogue",
    "0002_cover",
    "0003_charge",
    "0004_invoice",
    "0005_claim",
    "0006_prepayment",
    "0007_cash_session",
    "0008_payment_plan",
    "0009_adjustment_list",
    "0010_parts_of_invoices",
    "0011_service_name",
    "0012_merged_records",
    "0013_order_of_claims",
];

/// The billing service.
pub struct Billing {
    db: Db,
    clock: Clock,
    vault: Vault,
    zone: jiff::tz::TimeZone,
    /// What everything is counted in.
    currency: Currency,
    /// What stands on printed documents.
    letterhead: print::Letterhead,
    /// What patients are asked to pay before an appointment.
    prepayment: settings::Prepayment,
    /// By how much a till may differ; minor units.
    cash_tolerance: i64,
    /// How long after its day an instalment may be paid.
    plan_grace: jiff::Span,
    patients: PatientDirectoryClient<Channel>,
    accounts: AccountServiceClient<Channel>,
    payments: PaymentServiceClient<Channel>,
    /// Rung when something is to be carried to the ledger.
    bell: Arc<Notify>,
    /// Who pays claims.
    payer: Arc<dyn claim::payer::Payer>,
    /// What is set about claims.
    claims: claim::Settings,
    /// Rung when something is to go to a payer.
    claim_bell: Arc<Notify>,
    /// Rung when SecurePay is to be asked about a payment.
    payment_bell: Arc<Notify>,
    paying: Processes<PaymentProcess>,
    /// What patients pay before appointments.
    prepayments: prepayment::Prepayments,
}

impl Service for Billing {
    const NAME: &'static str = "billing";
    const SCHEMA: SchemaSpec = SchemaSpec {
        service: Self::NAME,
        migrations: MIGRATIONS,
        subscribes: &["patients", "scheduling", "securepay"],
    };

    async fn start(platform: Platform) -> Result<Self, StartError> {
        let currency = settings::currency(&platform.config)?;
        let claims = claim::Settings::read(&platform.config)?;
        let payer = Arc::new(claim::payer::simulated::Simulated::new(
            platform.db.clone(),
            platform.clock.clone(),
            platform.zone.clone(),
            claims,
        ));
        let payment_bell = Arc::<Notify>::default();
        let bell = Arc::<Notify>::default();
        let prepayments = prepayment::Prepayments {
            terms: prepayment::Terms::read(&platform.config)?,
            bell: Arc::default(),
            journal: Arc::clone(&bell),
        };
        Ok(Self {
            currency,
            letterhead: print::Letterhead::read(&platform.config)?,
            prepayment: platform
                .config
                .get_or(settings::PREPAYMENT, settings::Prepayment::None)?,
            cash_tolerance: cash_session::settings::tolerance(&platform.config)?,
            plan_grace: payment_plan::settings::grace(&platform.config)?,
            db: platform.db,
            clock: platform.clock,
            vault: platform.vault,
            zone: platform.zone,
            patients: PatientDirectoryClient::new(platform.peers.channel("patients")),
            accounts: AccountServiceClient::new(platform.peers.channel("securepay")),
            payments: PaymentServiceClient::new(platform.peers.channel("securepay")),
            bell,
            payer,
            claims,
            claim_bell: Arc::default(),
            paying: Processes::new(Arc::new(PaymentProcess {
                bell: Arc::clone(&payment_bell),
            })),
            payment_bell,
            prepayments,
        })
    }

    fn rest(self: &Arc<Self>) -> OpenApiRouter {
        OpenApiRouter::new()
            .merge(catalogue::routes())
            .merge(cover::routes())
            .merge(charge::routes())
            .merge(invoice::routes())
            .merge(claim::routes())
            .merge(print::routes())
            .merge(statement::routes())
            .merge(cash_session::routes())
            .merge(payment_plan::routes())
            .with_state(Arc::clone(self))
    }

    fn rpc(self: &Arc<Self>) -> Option<tonic::service::Routes> {
        let mut routes = tonic::service::Routes::builder();
        catalogue::serve(self, &mut routes);
        cover::serve(self, &mut routes);
        Some(routes.routes())
    }

    fn subscriptions(self: &Arc<Self>) -> Vec<subscription::Definition> {
        reactions::subscriptions(self)
    }

    fn timers(self: &Arc<Self>) -> Vec<TimerSubscription> {
        vec![self.paying.timers()]
    }

    fn jobs(self: &Arc<Self>) -> Vec<Job> {
        [
            journal::jobs(self),
            charge::jobs(self),
            invoice::jobs(self),
            claim::jobs(self),
            prepayment::jobs(self),
            payment_plan::jobs(self),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn checks() -> &'static [Check] {
        checks::CHECKS
    }

    fn sealed() -> &'static [SealedColumn] {
        words::SEALED
    }

    fn settings() -> &'static [Setting] {
        &settings::SETTINGS
    }

    fn problems() -> &'static [ProblemPage] {
        problems::PAGES
    }
}
