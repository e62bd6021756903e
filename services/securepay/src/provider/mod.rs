//! Payment providers: how money gets from and to banks and cards.
//!
//! The hospital gives a provider an [order] under a reference of its own, and asks
//! for what became of it until the provider says. What a provider can do is a port with
//! one adapter so far: a [simulator] that behaves as badly as real ones do, and **moves
//! no real money**.
//!
//! | What | Where |
//! |---|---|
//! | what a provider can do, and what it may answer | [`port`] |
//! | what becomes of an order: pure | [`order::model`] |
//! | who gives orders to the provider, asks, and moves the money | [`order::pursue`] |
//! | what people find out when the provider cannot say | [`resolution`] |
//! | how the webhooks of a provider are signed | [`signature`] |
//! | what comes in from a provider | [`inbound`] |
//! | the provider that moves nothing | [`simulator`] |
//!
//! A webhook of a provider is a knock on the door: it says *when* to ask, and never what
//! happened. So it does not matter how late, how often or in which order they come, and a
//! stolen secret buys nothing but questions.

pub mod inbound;
pub mod order;
pub mod port;
pub mod resolution;
pub mod settings;
pub mod signature;
pub mod simulator;

use std::sync::Arc;

use galen_service::{ConfigError, Job, Platform};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use order::pursue::Pursuit;
pub use port::{Direction, Instruction, Provider, ProviderReference, Reason, Report};

use crate::SecurePay;
use crate::writer::Ledger;
use settings::{Choice, Settings};
use signature::Secret;
use simulator::Simulator;

/// Where money comes in and goes out.
pub struct Desk {
    /// What follows the orders.
    pub pursuit: Pursuit,
    /// How long an order may take.
    pub deadline: jiff::SignedDuration,
    /// The provider, when it moves no real money.
    pub simulator: Option<Arc<Simulator>>,
}

impl Desk {
    /// Opens it, if there is a provider.
    pub(crate) fn open(platform: &Platform, ledger: &Ledger) -> Result<Option<Self>, ConfigError> {
        let settings = Settings::read(&platform.config)?;
        let Choice::Simulator(temper) = settings.choice else {
            return Ok(None);
        };
        tracing::warn!(
            "the payment provider is a simulator: it moves no real money, but wallets are filled and emptied as if it did"
        );
        let secret = settings.secret.unwrap_or_else(Secret::generate);
        let simulator = Simulator::new(platform.db.clone(), temper, secret);
        let provider: Arc<dyn Provider> = Arc::<Simulator>::clone(&simulator);
        let pursuit = Pursuit::new(
            platform.db.clone(),
            ledger.clone(),
            platform.vault.clone(),
            provider,
            platform.stopping.clone(),
        );
        Ok(Some(Self {
            pursuit,
            deadline: settings.deadline,
            simulator: Some(simulator),
        }))
    }
}

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<SecurePay>> {
    OpenApiRouter::new()
        .routes(routes!(inbound::receive))
        .merge(resolution::routes())
}

/// Its work: without a provider there is none.
pub(crate) fn jobs(securepay: &Arc<SecurePay>) -> Vec<Job> {
    let Some(provider) = &securepay.provider else {
        return Vec::new();
    };
    let mut jobs = vec![provider.pursuit.job()];
    jobs.extend(
        provider
            .simulator
            .as_ref()
            .map(|simulator| simulator::post::job(simulator, &provider.pursuit)),
    );
    jobs
}
