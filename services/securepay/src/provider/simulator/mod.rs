//! A payment provider that moves **no real money**: for demonstrations and tests.
//!
//! It behaves as badly as real ones: answers take time and get lost, orders are declined,
//! webhooks are late, doubled and out of order. What it once said of a reference it
//! keeps, in a table of its own (`simulated_charge`), as a real one would on its own
//! machines; it knows nothing of wallets.
//!
//! How it treats an order is drawn from a seed and the reference, so that the same order
//! has the same fate after a restart. Like test cards, some amounts have a fate of their
//! own, whatever was drawn (the minor unit, so 4040.01 EUR, or 404001 JPY):
//!
//! | Amount | Fate |
//! |---|---|
//! | 4040.00 | succeeds at once |
//! | 4040.01 | declined, `INSUFFICIENT_FUNDS` |
//! | 4040.02 | declined, `UNKNOWN_DESTINATION` |
//! | 4040.03 | succeeds, but the answer to the order is lost |
//! | 4040.04 | the order never arrives |
//! | 4040.05 | arrives, and no question about it is ever answered |
//! | 4040.06 | is under way for ten minutes, then succeeds |
//! | 4040.07 | is under way for ten minutes, then is declined, `DECLINED` |
//! | 4040.08 | succeeds at once; its webhook comes three times, minutes apart |
//! | 4040.09 | is under way for two days, then succeeds |

pub mod fate;
pub mod post;
mod store;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use galen_kernel::{Clock, Timestamp};
use galen_storage::Db;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::port::{Direction, Instruction, Provider, Reason, Report};
use super::signature::{Forged, Secret};
use store::Charge;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Temper {
    /// What its chances are drawn from.
    pub seed: u64,
    /// Of a hundred orders, so many are declined.
    pub declines: u8,
    /// Of a hundred questions, so many are not answered.
    pub silences: u8,
    /// How long an answer takes.
    pub latency: Duration,
}

/// The provider that moves nothing.
pub struct Simulator {
    db: Db,
    temper: Temper,
    secret: Secret,
    /// Questions so far: which of them are not answered is not the orders' fate.
    questions: AtomicU64,
}

/// What its webhooks say.
#[derive(Serialize, Deserialize)]
struct Letter {
    reference: Uuid,
}

impl Simulator {
    /// One whose state is in the table.
    #[must_use]
    pub fn new(db: Db, temper: Temper, secret: Secret) -> Arc<Self> {
        Arc::new(Self {
            db,
            temper,
            secret,
            questions: AtomicU64::new(0),
        })
    }

    const fn clock(&self) -> &Clock {
        self.db.clock()
    }

    /// Answers take their time, and some do not come.
    async fn is_silent(&self) -> bool {
        if !self.temper.latency.is_zero() {
            // The time that a network takes: there is nothing else to wait for.
            tokio::time::sleep(self.temper.latency).await;
        }
        let question = self.questions.fetch_add(1, Ordering::Relaxed);
        self.temper.is_silent(question)
    }

    /// Tells what is in the table.
    async fn tell(&self, reference: Uuid, is_silent: bool) -> Report {
        match store::get(self.db.pool(), reference).await {
            Ok(Some(charge)) if charge.is_staged || !is_silent => charge.report(self.clock().now()),
            Ok(None) if !is_silent => Report::NeverHeardOf,
            Ok(_) => Report::Unknown,
            Err(error) => unanswered(&error),
        }
    }

    async fn begin(&self, instruction: &Instruction) -> Report {
        let is_silent = self.is_silent().await;
        let fate = self.temper.fate(instruction.reference, instruction.amount);
        if fate.gets_lost {
            return Report::Unknown;
        }
        let now = self.clock().now();
        if now >= instruction.not_after {
            return match self.tell(instruction.reference, is_silent).await {
                Report::NeverHeardOf => Report::Declined {
                    reason: Reason::TOO_LATE,
                },
                known => known,
            };
        }
        let charge = Charge::begin(instruction, &fate, now);
        match store::begin(self.db.pool(), instruction, &fate, &charge).await {
            Ok(true) if fate.is_unheard => Report::Unknown,
            // Begun now, or before.
            Ok(_) => self.tell(instruction.reference, is_silent).await,
            Err(error) => unanswered(&error),
        }
    }
}

fn unanswered(error: &galen_storage::Error) -> Report {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "the simulated provider cannot answer"
    );
    Report::Unknown
}

impl Provider for Simulator {
    fn name(&self) -> &'static str {
        "simulator"
    }

    fn start<'a>(&'a self, instruction: &'a Instruction) -> BoxFuture<'a, Report> {
        self.begin(instruction).boxed()
    }

    fn status(&self, _: Direction, reference: Uuid) -> BoxFuture<'_, Report> {
        async move {
            let is_silent = self.is_silent().await;
            self.tell(reference, is_silent).await
        }
        .boxed()
    }

    fn read_webhook(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Uuid, Forged> {
        self.secret.verify(headers, body, now)?;
        let letter: Letter = serde_json::from_slice(body).map_err(|_| Forged::Content)?;
        Ok(letter.reference)
    }
}
