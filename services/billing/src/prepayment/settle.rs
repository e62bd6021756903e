//! Performs what is decided about prepayments: in the caller's transaction, with the
//! journal, the invoice and what others are told.
//!
//! Whoever locks a prepayment and an invoice locks the prepayment first, and of two
//! prepayments that of the appointment that is replaced.

use std::sync::Arc;

use galen_contracts::billing::v1 as wire;
use galen_contracts::ids::AppointmentId;
use galen_eventing::Publish as _;
use galen_kernel::Money;
use galen_storage::{Error, Tx};
use tokio::sync::Notify;

use super::decide::{Decision, Input, Move, News};
use super::model::{Charged, Prepayment, Status};
use super::{Terms, store};
use crate::invoice;
use crate::invoice::error::InvoiceError;
use crate::invoice::model::{Invoice, InvoiceId};
use crate::invoice::store as invoices;
use crate::journal::post::to_wire;
use crate::journal::{self, AccountKind, AccountRef, Entry};

/// What is needed to perform it.
#[derive(Debug, Clone)]
pub struct Prepayments {
    /// What cancelling late and not coming costs.
    pub terms: Terms,
    /// Rung when something is to be done about one.
    pub bell: Arc<Notify>,
    /// Rung when something is to be carried to the ledger.
    pub journal: Arc<Notify>,
}

impl Prepayments {
    /// Has a locked prepayment hear something.
    ///
    /// # Errors
    /// When the database fails, or the invoice that waits for it does not take it.
    pub async fn hear(
        &self,
        tx: &mut Tx,
        prepayment: Prepayment,
        input: Input,
    ) -> Result<Prepayment, InvoiceError> {
        let now = tx.clock().now();
        let after = self
            .perform(tx, prepayment.clone(), prepayment.decide(input, now))
            .await?;
        // An invoice was issued while nobody knew whether it was paid.
        match (after.status, after.invoice) {
            (Status::Held, Some(id)) => {
                let mut invoice = invoices::lock(tx, InvoiceId::from_uuid(id)).await?;
                self.apply(tx, after, &mut invoice).await
            }
            _ => Ok(after),
        }
    }

    /// Pays as much of what is open of a locked invoice as a locked prepayment can, and
    /// gives back the rest: all of it when the invoice was credited before the money came.
    ///
    /// # Errors
    /// When the invoice is a draft, or the database fails.
    pub async fn apply(
        &self,
        tx: &mut Tx,
        prepayment: Prepayment,
        invoice: &mut Invoice,
    ) -> Result<Prepayment, InvoiceError> {
        let (now, id) = (tx.clock().now(), invoice.id.uuid());
        let (event, open) = match invoice.status() {
            invoice::model::Status::Cancelled => (None, 0),
            _ => {
                let held = prepayment.sums.held();
                let event = invoice.apply_prepayment(prepayment.id.uuid(), held)?;
                (event, invoice.open())
            }
        };
        let input = Input::Invoiced { invoice: id, open };
        let decision = prepayment.clone().decide(input, now);
        if decision.next.sums.applied > prepayment.sums.applied
            && let Some(event) = event
        {
            invoices::append(tx, invoice, &[event]).await?;
        }
        Ok(self.perform(tx, prepayment, decision).await?)
    }

    /// Looks at what was charged for the appointment of a locked prepayment: gives back
    /// what is held when nothing is any more, and pays an invoice that was issued before
    /// anybody asked for the prepayment.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn compare(
        &self,
        tx: &mut Tx,
        prepayment: Prepayment,
    ) -> Result<Prepayment, InvoiceError> {
        let charged = store::charged(tx, prepayment.appointment).await?;
        match (prepayment.status, charged) {
            (_, Some(Charged::Nothing)) => self.hear(tx, prepayment, Input::NotCharged).await,
            (Status::Held, Some(Charged::Invoiced(id))) => {
                let mut invoice = invoices::lock(tx, InvoiceId::from_uuid(id)).await?;
                self.apply(tx, prepayment, &mut invoice).await
            }
            _ => Ok(prepayment),
        }
    }

    /// An appointment takes the place of another one: what was paid for that follows.
    /// Answers that of the new appointment, locked, if there is any.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn follow(
        &self,
        tx: &mut Tx,
        old: AppointmentId,
        new: AppointmentId,
    ) -> Result<Option<Prepayment>, InvoiceError> {
        let Some(before) = store::lock(tx, old).await? else {
            return Ok(store::lock(tx, new).await?);
        };
        let wallet = before.wallet;
        let currency = before.currency;
        let known = store::lock(tx, new).await?;
        if known
            .as_ref()
            .is_some_and(|known| known.currency != currency)
        {
            let fee = super::terms::Percent::default();
            self.hear(tx, before, Input::CalledOff { fee }).await?;
            return Ok(known);
        }
        let had = before.sums.handed_on;
        let (patient, ends) = (before.patient, (before.ends_at, before.deadline));
        let after = self.hear(tx, before, Input::HandedOn(new)).await?;
        let amount = after.sums.handed_on - had;
        if amount == 0 {
            return Ok(known);
        }
        let mut follower = match known {
            Some(known) => known,
            None => {
                let fresh = Prepayment::new(tx.clock().id(), new, patient, currency, ends);
                store::insert(tx, &fresh).await?;
                let stored = store::lock(tx, new).await?;
                stored.ok_or(Error::Inconsistent {
                    column: "billing.prepayment.appointment_id",
                })?
            }
        };
        follower.wallet = follower.wallet.or(wallet);
        Ok(Some(
            self.hear(tx, follower, Input::TakenOver(amount)).await?,
        ))
    }

    async fn perform(
        &self,
        tx: &mut Tx,
        before: Prepayment,
        decision: Decision,
    ) -> Result<Prepayment, Error> {
        let Decision {
            mut next,
            moves,
            news,
        } = decision;
        if next != before || !moves.is_empty() {
            next.version += 1;
            store::change(tx, &next).await?;
        }
        let entries = entries(&next, &moves)?;
        let order = tx.clock().uuid();
        journal::enter(tx, order, &entries).await?;
        if let Some(news) = news {
            tell(tx, &next, news);
        }
        tx.ring(&self.journal);
        tx.ring(&self.bell);
        Ok(next)
    }
}

/// What moves, as the journal says it.
fn entries(prepayment: &Prepayment, moves: &[Move]) -> Result<Vec<Entry>, Error> {
    let deposit = AccountRef::deposit(prepayment.appointment.uuid());
    let revenue = AccountRef::hospital(AccountKind::Revenue);
    let entry = |movement: &Move| {
        let (debit, credit, minor) = match *movement {
            Move::Release(minor) => {
                let wallet = prepayment.wallet.ok_or(Error::Inconsistent {
                    column: "billing.prepayment.wallet_id",
                })?;
                let wallet = AccountRef::of(AccountKind::Wallet, wallet.owner);
                (deposit, wallet, minor)
            }
            Move::Forfeit(minor) => (deposit, revenue, minor),
            Move::Restore(minor) => (revenue, deposit, minor),
            Move::Apply(invoice, minor) => (deposit, AccountRef::receivable(invoice), minor),
            Move::HandOn(to, minor) => (deposit, AccountRef::deposit(to.uuid()), minor),
        };
        Ok(Entry {
            debit,
            credit,
            amount: Money {
                minor,
                currency: prepayment.currency,
            },
            reference: prepayment.appointment.uuid(),
        })
    };
    moves.iter().map(entry).collect()
}

fn tell(tx: &mut Tx, prepayment: &Prepayment, news: News) {
    let appointment_id = prepayment.appointment.to_string();
    let patient_id = prepayment.patient.to_string();
    let asker = prepayment.asker;
    let process_id = asker.map(|asker| asker.process.to_string());
    let process_id = process_id.unwrap_or_default();
    let command_id = asker.map(|asker| asker.command.to_string());
    let command_id = command_id.unwrap_or_default();
    let money = |minor| {
        Some(to_wire(Money {
            minor,
            currency: prepayment.currency,
        }))
    };
    match news {
        News::Held => tx.publish(&wire::PrepaymentHeld {
            appointment_id,
            process_id,
            command_id,
            patient_id,
            held: money(prepayment.sums.held()),
        }),
        News::Refused => tx.publish(&wire::PrepaymentRefused {
            appointment_id,
            process_id,
            command_id,
            patient_id,
            reason_code: prepayment.refusal.clone().unwrap_or_default(),
        }),
        News::Ended => tx.publish(&wire::PrepaymentEnded {
            appointment_id,
            patient_id,
            outcome: prepayment.status.name().to_owned(),
            applied: money(prepayment.sums.applied),
            forfeited: money(prepayment.sums.forfeited),
            released: money(prepayment.sums.released),
        }),
    }
}
