//! Follows every order to its end: gives it to the provider, asks what became of it, and
//! moves the money that is on hold.
//!
//! Nothing is asked inside a transaction. A worker takes an order up for the time of a
//! [lease](super::model::LEASE); that it was told is written down before it is, what the
//! provider decides before the books move, and the end last. Wherever a worker is
//! stopped, the next one does that step again, under the same reference and the same id
//! of the posting. Two workers at a time do no harm: whoever writes second finds another
//! version, and leaves it at that.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use galen_contracts::securepay::v1 as events;
use galen_eventing::Publish as _;
use galen_kernel::{Clock, Pii, Problem, Timestamp};
use galen_service::Job;
use galen_storage::{Db, Error, Tx};
use galen_vault::{Column, Vault};
use http::HeaderMap;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::model::{self, Progress, State, Task};
use super::store::{self, Order};
use crate::ledger::{Group, Operation, Rejection, Request, TransferId};
use crate::payout::iban::Iban;
use crate::provider::resolution::{self, watch};
use crate::provider::signature::Forged;
use crate::provider::{Direction, Instruction, Provider, Reason, Report};
use crate::purpose::Purpose;
use crate::writer::{Ledger, Unanswered};

/// How often it is looked what is due; new orders ring.
const EVERY: Duration = Duration::from_secs(1);
/// Orders at a time: each is asked about at once, so that none waits out its lease.
const AT_ONCE: usize = 16;
/// How long an answer of the provider is waited for; well below the lease.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a payout goes to.
pub(crate) const DESTINATION: Column<Iban> =
    Column::new("securepay", "provider_order", "sealed_destination");

/// What follows the orders of one provider. Cheap to clone.
#[derive(Clone)]
pub struct Pursuit {
    db: Db,
    ledger: Ledger,
    vault: Vault,
    provider: Arc<dyn Provider>,
    bell: Arc<Notify>,
    stopping: CancellationToken,
}

/// Why an order got no further. It is taken up again.
#[derive(Debug, thiserror::Error)]
pub enum Stuck {
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] Error),
    /// The destination cannot be opened.
    #[error(transparent)]
    Vault(#[from] galen_vault::Error),
    /// The ledger did not answer.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    /// The ledger refuses what nothing should keep it from.
    #[error("the hold of the order cannot be ended")]
    Refused(#[from] Rejection),
}

/// Why a webhook is not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// It is forged or stale.
    #[error(transparent)]
    Forged(#[from] Forged),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] Error),
}

impl Pursuit {
    /// Of the orders of this provider.
    #[must_use]
    pub fn new(
        db: Db,
        ledger: Ledger,
        vault: Vault,
        provider: Arc<dyn Provider>,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            db,
            ledger,
            vault,
            provider,
            bell: Arc::default(),
            stopping,
        }
    }

    /// The provider's name.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        self.provider.name()
    }

    /// The same orders, followed through another port: in tests, one that is watched or
    /// does worse.
    #[must_use]
    pub fn through(&self, provider: Arc<dyn Provider>) -> Self {
        Self {
            provider,
            ..self.clone()
        }
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> Arc<dyn Provider> {
        Arc::clone(&self.provider)
    }

    /// To be rung when there is a new order.
    #[must_use]
    pub const fn bell(&self) -> &Arc<Notify> {
        &self.bell
    }

    /// Where the orders are.
    pub(crate) const fn db(&self) -> &Db {
        &self.db
    }

    const fn clock(&self) -> &Clock {
        self.db.clock()
    }

    pub(crate) fn job(&self) -> Job {
        let pursuit = self.clone();
        Job::new("securepay.provider_orders", EVERY, move || {
            let pursuit = pursuit.clone();
            async move { pursuit.run().await }
        })
        .woken_by(Arc::clone(&self.bell))
    }

    /// Takes up all that is due; returns how many orders that were. Then asks what the
    /// provider says by now of orders that people have ended.
    ///
    /// # Errors
    /// When the database fails. What keeps a single order from going on is logged.
    pub async fn run(&self) -> Result<u64, Problem> {
        let mut count = 0;
        while !self.stopping.is_cancelled() {
            let taken = self.take_up().await?;
            if taken.is_empty() {
                break;
            }
            count += taken.len() as u64;
            futures::stream::iter(taken)
                .for_each_concurrent(AT_ONCE, |taken| self.follow(taken))
                .await;
        }
        if !self.stopping.is_cancelled()
            && let Err(error) = watch::run(self).await
        {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "it cannot be asked about orders that people ended");
        }
        Ok(count)
    }

    /// Takes up what is due, for the time of a lease.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_up(&self) -> Result<Vec<Taken>, Error> {
        let now = self.clock().now();
        let mut tx = self.db.begin().await?;
        let most = i64::try_from(AT_ONCE).expect("a few");
        let orders = store::take_up(tx.conn(), self.provider(), now, most).await?;
        tx.commit().await?;
        let taken = orders.into_iter().filter_map(|(before, order)| {
            let task = before.task(now)?;
            Some(Taken { order, task })
        });
        Ok(taken.collect())
    }

    async fn follow(&self, taken: Taken) {
        let id = taken.order.id;
        if let Err(error) = self.advance(taken).await {
            metrics::counter!("galen_provider_stuck_total").increment(1);
            let error = &error as &dyn std::error::Error;
            tracing::warn!(order = %id, error, "an order with the payment provider is stuck");
        }
    }

    /// Does what is to be done, and what follows from it.
    ///
    /// # Errors
    /// [`Stuck`].
    pub async fn advance(&self, taken: Taken) -> Result<(), Stuck> {
        let Taken { order, task } = taken;
        let decided = match task {
            Task::Start | Task::Ask => {
                let (report, asked_at) = self.ask(&order, task).await?;
                self.note(order, report, asked_at).await?
            }
            Task::Capture | Task::Void => Some(Taken { order, task }),
        };
        let Some(Taken { order, task }) = decided else {
            return Ok(());
        };
        self.move_money(&order, task).await?;
        self.end(&order).await?;
        Ok(())
    }

    /// Asks the provider: what it says, and when it was asked.
    ///
    /// # Errors
    /// When the destination cannot be opened.
    pub async fn ask(&self, order: &Order, task: Task) -> Result<(Report, Timestamp), Stuck> {
        let instruction = if task == Task::Start {
            match self.instruction(order).await? {
                Some(instruction) => Some(instruction),
                // Whoever it was for was erased, and the destination with them.
                None => return Ok((untold(order), self.clock().now())),
            }
        } else {
            None
        };
        let asked_at = self.clock().now();
        let answer = match &instruction {
            Some(instruction) => self.provider.start(instruction),
            None => self.provider.status(order.direction, order.id),
        };
        let report = tokio::time::timeout(PATIENCE, answer)
            .await
            .unwrap_or(Report::Unknown);
        metrics::counter!("galen_provider_answers_total", "report" => name(&report)).increment(1);
        Ok((report, asked_at))
    }

    /// `None` when the destination is no longer known.
    async fn instruction(&self, order: &Order) -> Result<Option<Instruction>, Stuck> {
        let destination = self.destination(order).await?;
        if order.destination.is_some() && destination.is_none() {
            return Ok(None);
        }
        Ok(Some(Instruction {
            reference: order.id,
            direction: order.direction,
            amount: order.amount,
            destination,
            not_after: order.progress.not_after(),
        }))
    }

    /// Where a payout goes to; `None` when whoever it is for was erased.
    ///
    /// # Errors
    /// When it is there and cannot be opened.
    pub async fn destination(&self, order: &Order) -> Result<Option<Pii<Iban>>, Stuck> {
        let mut connection = self.db.pool().acquire().await.map_err(Error::from)?;
        open(&self.vault, &mut connection, order)
            .await
            .map_err(Stuck::from)
    }

    /// Writes down what the provider said; what is to be done then, if that decided and
    /// nobody was first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note(
        &self,
        order: Order,
        report: Report,
        asked_at: Timestamp,
    ) -> Result<Option<Taken>, Error> {
        let Some(progress) = order.progress.heard(report, asked_at) else {
            return Ok(None);
        };
        let mut tx = self.db.begin().await?;
        let is_first = store::save(tx.conn(), &order, &progress).await?;
        tx.commit().await?;
        let task = match progress.state {
            State::Succeeded => Task::Capture,
            State::Declined => Task::Void,
            State::Pending | State::Unknown | State::Captured | State::Failed => return Ok(None),
        };
        Ok(is_first.then(|| Taken {
            order: Order {
                progress,
                version: order.version + 1,
                ..order
            },
            task,
        }))
    }

    /// Moves the money that is on hold, or releases it.
    ///
    /// # Errors
    /// When the ledger does not answer, or refuses.
    pub async fn move_money(&self, order: &Order, task: Task) -> Result<(), Stuck> {
        let hold = TransferId(order.id);
        let operation = match task {
            Task::Void => Operation::Void { hold },
            Task::Start | Task::Ask | Task::Capture => Operation::Capture { hold, amount: None },
        };
        let group = Group::of(Request {
            id: model::posting(order.id, task),
            operation,
            code: code(order.direction),
            reference: Some(order.id),
        });
        for answer in self.ledger.submit(group).await? {
            answer?;
        }
        Ok(())
    }

    /// Writes the end down and says so.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end(&self, order: &Order) -> Result<(), Error> {
        let Some(progress) = order.progress.booked() else {
            return Ok(());
        };
        let mut tx = self.db.begin().await?;
        if store::save(tx.conn(), order, &progress).await? {
            announce(&mut tx, order, &progress);
            tx.commit().await?;
        }
        Ok(())
    }

    /// A webhook: whether it is about an order, and from whom it says it is. All that it
    /// does is that the order is asked about now and not later.
    ///
    /// # Errors
    /// [`NotTaken`]; nothing has changed then.
    pub async fn receive(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), NotTaken> {
        let now = self.clock().now();
        let reference = self.provider.read_webhook(headers, body, now)?;
        let mut tx = self.db.begin().await?;
        let order = store::lock(tx.conn(), self.provider(), reference).await?;
        let knocked = order.and_then(|order| {
            let progress = order.progress.knocked(now)?;
            Some((order, progress))
        });
        let is_due = match knocked {
            Some((order, progress)) => store::save(tx.conn(), &order, &progress).await?,
            None => resolution::store::knocked(tx.conn(), reference, now).await? > 0,
        };
        if is_due {
            tx.ring(&self.bell);
            tx.commit().await?;
        }
        Ok(())
    }
}

/// An order in the hands of a worker.
#[derive(Debug, Clone)]
pub struct Taken {
    /// As it is now.
    pub order: Order,
    /// What is to be done.
    pub task: Task,
}

/// Opens the destination of an order; `None` when there is none any more.
///
/// # Errors
/// When it is there and cannot be opened.
pub(crate) async fn open(
    vault: &Vault,
    connection: &mut sqlx::PgConnection,
    order: &Order,
) -> Result<Option<Pii<Iban>>, galen_vault::Error> {
    let Some(sealed) = &order.destination else {
        return Ok(None);
    };
    let keys = sealed.key_id().into_iter().collect();
    let ring = vault.keyring_of(connection, keys).await?;
    ring.open_unless_erased(&DESTINATION, order.subject(), order.id, sealed)
}

/// What becomes of an order whose destination is not known any more. If it was told
/// before, that may still be on its way: then only the deadline decides.
const fn untold(order: &Order) -> Report {
    if order.progress.attempts > 1 {
        Report::Unknown
    } else {
        Report::Declined {
            reason: Reason::UNKNOWN_DESTINATION,
        }
    }
}

/// What postings of orders are for.
pub(crate) const fn code(direction: Direction) -> i16 {
    match direction {
        Direction::In => Purpose::TopUp.code(),
        Direction::Out => Purpose::Payout.code(),
    }
}

fn announce(tx: &mut Tx, order: &Order, progress: &Progress) {
    let amount = Some(events::Money {
        minor: order.amount.minor,
        currency: order.amount.currency.code().to_owned(),
    });
    let (id, wallet_id) = (order.id.to_string(), order.wallet.to_string());
    let owner_id = order
        .owner
        .id()
        .as_ref()
        .map(Uuid::to_string)
        .unwrap_or_default();
    let reason_code = progress.reason.as_ref().map(Reason::code);
    let reason_code = reason_code.unwrap_or_default().to_owned();
    match (order.direction, progress.state == State::Captured) {
        (Direction::In, true) => tx.publish(&events::TopUpSettled {
            top_up_id: id,
            wallet_id,
            owner_id,
            amount,
        }),
        (Direction::In, false) => tx.publish(&events::TopUpFailed {
            top_up_id: id,
            wallet_id,
            owner_id,
            reason_code,
        }),
        (Direction::Out, true) => tx.publish(&events::PayoutSettled {
            payout_id: id,
            wallet_id,
            owner_id,
            amount,
        }),
        (Direction::Out, false) => tx.publish(&events::PayoutFailed {
            payout_id: id,
            wallet_id,
            owner_id,
            reason_code,
        }),
    }
}

const fn name(report: &Report) -> &'static str {
    match report {
        Report::Succeeded { .. } => "succeeded",
        Report::Declined { .. } => "declined",
        Report::Pending => "pending",
        Report::NeverHeardOf => "never_heard_of",
        Report::Unknown => "unknown",
    }
}
