//! The sender: takes what is due, posts it, writes down what came of it.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use galen_kernel::{Clock, Problem, Timestamp};
use galen_service::Platform;
use galen_storage::Db;
use galen_vault::Vault;
use jiff::SignedDuration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::measure;
use super::model::{Verdict, judge};
use super::store::{self, Parcel};
use crate::provider::signature::Secret;
use crate::webhook::endpoint::store::SECRET;
use crate::webhook::settings::Settings;
use crate::webhook::signature;
use crate::webhook::web::{Post, TIMEOUT, Web};

/// Under way to one endpoint at a time.
const EACH: i64 = 4;
/// How long a sender has what it took, well beyond [`TIMEOUT`]: whoever takes longer has
/// ended, and another one sends it again.
const CLAIM: SignedDuration = SignedDuration::from_secs(60);
const _: () = assert!(CLAIM.as_secs() as u64 > 3 * TIMEOUT.as_secs());
/// How often what became due meanwhile is looked for.
const LOOK: Duration = Duration::from_secs(1);

/// Sends what is due.
pub(crate) struct Sender {
    db: Db,
    clock: Clock,
    vault: Vault,
    web: Web,
    bell: Arc<Notify>,
    stopping: CancellationToken,
}

impl Sender {
    /// Prepares the client.
    pub(crate) fn new(
        platform: &Platform,
        settings: Settings,
        bell: Arc<Notify>,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            db: platform.db.clone(),
            clock: platform.clock.clone(),
            vault: platform.vault.clone(),
            web: Web::new(settings)?,
            bell,
            stopping: platform.stopping.clone(),
        })
    }

    /// Sends until nothing is due and nothing under way; says how many attempts were
    /// made. Whatever becomes due meanwhile is sent as well, beside what does not answer.
    pub(crate) async fn send_due(&self) -> Result<u64, Problem> {
        let mut under_way = FuturesUnordered::new();
        let (mut made, mut failed) = (0, None);
        loop {
            if failed.is_none() && !self.stopping.is_cancelled() {
                match self.claim().await {
                    Ok(parcels) => under_way.extend(parcels.into_iter().map(|p| self.deliver(p))),
                    Err(problem) => failed = Some(problem),
                }
            }
            tokio::select! {
                done = under_way.next() => match done {
                    None => return failed.map_or(Ok(made), Err),
                    Some(Ok(())) => made += 1,
                    // What was taken is free again when its time is over.
                    Some(Err(problem)) => failed = Some(problem),
                },
                () = self.bell.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn claim(&self) -> Result<Vec<Parcel>, Problem> {
        let now = self.clock.now();
        let until = now.checked_add(CLAIM).map_err(Problem::internal)?;
        Ok(store::claim(self.db.pool(), now, until, EACH).await?)
    }

    async fn deliver(&self, parcel: Parcel) -> Result<(), Problem> {
        let began = self.clock.now();
        let signature = self.sign(&parcel, began).await?;
        let post = Post {
            url: &parcel.url,
            id: parcel.message.to_string(),
            timestamp: began.as_second().to_string(),
            signature,
            body: &parcel.body,
        };
        let attempt = self.web.post(post).await;
        let verdict = judge(attempt.answer, parcel.tries, rand::random());
        measure::attempted(verdict, attempt.latency);
        let due_at = match verdict {
            Verdict::Again(pause) => {
                let due = self.clock.now().checked_add(pause);
                Some(due.map_err(Problem::internal)?)
            }
            Verdict::Delivered | Verdict::GivenUp | Verdict::Gone => None,
        };
        let mut tx = self.db.begin().await?;
        let settled = store::settle(&mut tx, &parcel, began, &attempt, verdict, due_at).await?;
        if !settled {
            tracing::debug!(delivery = %parcel.id, "a webhook was sent that is nobody's any more");
            tx.rollback().await?;
            return Ok(());
        }
        tx.commit().await?;
        let (delivery, endpoint) = (parcel.id, parcel.endpoint);
        match (verdict, attempt.answer) {
            (Verdict::Delivered, _) => {
                tracing::debug!(%delivery, %endpoint, "a webhook was delivered")
            }
            (Verdict::Gone, _) => {
                tracing::warn!(%delivery, %endpoint, "an endpoint is gone and was disabled")
            }
            (Verdict::GivenUp, answer) => {
                tracing::warn!(%delivery, %endpoint, ?answer, "a webhook was given up")
            }
            (Verdict::Again(_), answer) => {
                tracing::info!(%delivery, %endpoint, ?answer, "a webhook was not delivered yet")
            }
        }
        Ok(())
    }

    /// The signatures of all secrets that are good now.
    async fn sign(&self, parcel: &Parcel, at: Timestamp) -> Result<String, Problem> {
        let mut connection = self
            .db
            .pool()
            .acquire()
            .await
            .map_err(galen_storage::Error::from)?;
        let sealed = parcel.secrets.iter().map(|(_, sealed)| sealed);
        let keys = self.vault.keyring(&mut connection, sealed).await?;
        let mut secrets = Vec::with_capacity(parcel.secrets.len());
        for (id, sealed) in &parcel.secrets {
            let text = keys.open(&SECRET, parcel.endpoint, *id, sealed)?;
            let secret = Secret::read(&text.expose().as_str().into());
            secrets.push(secret.map_err(Problem::internal)?);
        }
        Ok(signature::header(
            &secrets,
            parcel.message,
            at,
            &parcel.body,
        ))
    }
}
