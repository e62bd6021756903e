//! SecurePay: the hospital's money.
//!
//! **Owns** the double-entry [`ledger`], which only its [`writer`] changes; the accounts
//! of other services in it ([`account`]); wallets, payments between them, and what comes
//! in and goes out through payment providers; what other systems are told of it; and
//! what shows that the books agree with the bank.
//!
//! Each folder offers its routes, work and checks itself; this file puts them together.

pub mod account;
pub mod books;
mod checks;
pub mod ledger;
pub mod patient;
pub mod payer;
pub mod payment;
pub mod payout;
mod problems;
pub mod provider;
pub mod purpose;
pub mod reactions;
pub mod reconciliation;
mod settings;
pub mod top_up;
pub mod trial_balance;
pub mod wallet;
pub mod webhook;
pub mod writer;

pub use checks::CHECKS;

use std::sync::{Arc, LazyLock};

use galen_eventing::subscription;
use galen_kernel::Clock;
use galen_service::{Check, Job, Platform, ProblemPage, Service, Setting, StartError};
use galen_storage::{Db, Migration, SchemaSpec, migrations};
use galen_vault::{SealedColumn, Vault};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

use ledger::Stamp;
use patient::Patients;
use payer::Payers;
use provider::Desk;
use writer::{Ledger, Mode, Shard};

/// The schema's history.
pub const MIGRATIONS: &[Migration] = migrations![
    "0001_ledger",
    "0003_account",
    "0004_payment",
    "0005_provider",
    "0006_webhook",
    "0007_reconciliation",
    "0008_stamp",
    "0009_deposit",
    "0010_resolution",
    "0011_payment_of_hold",
];

/// The securepay service.
pub struct SecurePay {
    db: Db,
    clock: Clock,
    vault: Vault,
    zone: jiff::tz::TimeZone,
    ledger: Ledger,
    accounts: account::Directory,
    /// Rings when a bank statement was imported.
    bank_bell: Arc<Notify>,
    patients: Patients,
    payers: Payers,
    provider: Option<Desk>,
    webhooks: webhook::Webhooks,
    stopping: CancellationToken,
}

impl SecurePay {
    /// Now, as the ledger says it.
    fn now(&self) -> Stamp {
        Stamp(self.clock.now().as_microsecond())
    }

    /// Where money comes in and goes out, if there is a payment provider.
    #[must_use]
    pub const fn desk(&self) -> Option<&Desk> {
        self.provider.as_ref()
    }
}

impl Service for SecurePay {
    const NAME: &'static str = "securepay";
    const SCHEMA: SchemaSpec = SchemaSpec {
        service: Self::NAME,
        migrations: MIGRATIONS,
        subscribes: &["patients", "securepay"],
    };

    async fn start(platform: Platform) -> Result<Self, StartError> {
        let ledger = Ledger::start(
            &platform.db,
            Shard(0),
            Mode::Exclusive,
            platform.drained.clone(),
        );
        let provider = Desk::open(&platform, &ledger)?;
        let webhooks = webhook::Webhooks::start(&platform)?;
        Ok(Self {
            patients: Patients::new(&platform.peers),
            payers: Payers::new(&platform.peers),
            stopping: platform.stopping,
            db: platform.db,
            clock: platform.clock,
            vault: platform.vault,
            zone: platform.zone,
            ledger,
            accounts: account::Directory::default(),
            bank_bell: Arc::default(),
            provider,
            webhooks,
        })
    }

    fn rest(self: &Arc<Self>) -> OpenApiRouter {
        OpenApiRouter::new()
            .merge(wallet::routes())
            .merge(payment::routes())
            .merge(top_up::routes())
            .merge(payout::routes())
            .merge(provider::routes())
            .merge(webhook::routes())
            .merge(reconciliation::routes())
            .with_state(Arc::clone(self))
    }

    fn rpc(self: &Arc<Self>) -> Option<tonic::service::Routes> {
        let mut routes = tonic::service::Routes::builder();
        account::serve(self, &mut routes);
        payment::serve(self, &mut routes);
        Some(routes.routes())
    }

    fn subscriptions(self: &Arc<Self>) -> Vec<subscription::Definition> {
        let mut subscriptions = reactions::subscriptions(self);
        subscriptions.extend(webhook::subscriptions(self));
        subscriptions
    }

    fn jobs(self: &Arc<Self>) -> Vec<Job> {
        [
            payment::jobs(self),
            provider::jobs(self),
            webhook::jobs(self),
            reconciliation::jobs(self),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn checks() -> &'static [Check] {
        CHECKS
    }

    fn sealed() -> &'static [SealedColumn] {
        &SEALED
    }

    fn settings() -> &'static [Setting] {
        &settings::SETTINGS
    }

    fn problems() -> &'static [ProblemPage] {
        problems::PAGES
    }
}

/// What is sealed.
static SEALED: LazyLock<Vec<SealedColumn>> = LazyLock::new(|| {
    let all: [&[SealedColumn]; 3] = [
        &[
            payment::words::SEALED,
            payout::SEALED,
            provider::resolution::store::SEALED,
        ],
        webhook::SEALED,
        reconciliation::SEALED,
    ];
    all.concat()
});
