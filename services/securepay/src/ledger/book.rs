//! Deciding: what is done, what is refused, and what that leaves behind.

use std::collections::{BTreeSet, HashMap};

use super::account::{Account, AccountId, Side, Standing};
use super::batch::{AccountChange, Batch, Changes};
use super::hold::{Hold, HoldId, HoldState};
use super::operation::{
    Amount, Group, Kind, Operation, Posting, Rejection, Request, Stamp, TransferId,
};

/// The answer to a request.
pub type Answer = Result<Posting, Rejection>;

/// The part of the ledger that is in memory: as it will be when everything decided so
/// far is stored. Whoever fails to store it throws the book away.
#[derive(Debug, Clone, Default)]
pub struct Book {
    accounts: HashMap<AccountId, Account>,
    holds: HashMap<HoldId, Hold>,
    /// The open ones of `holds` that end by themselves, in the order in which they do.
    ending: BTreeSet<(Stamp, HoldId)>,
    known: HashMap<TransferId, Posting>,
    last: Option<Stamp>,
}

/// What a book has to learn before it can decide.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Missing {
    /// Transfers that may have been done before.
    pub transfers: Vec<TransferId>,
    /// Holds, with their accounts.
    pub holds: Vec<HoldId>,
    /// Accounts.
    pub accounts: Vec<AccountId>,
}

impl Missing {
    /// Whether there is nothing to look up.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.transfers.is_empty() && self.holds.is_empty() && self.accounts.is_empty()
    }
}

/// What a group has changed so far, newest last.
enum Undo {
    Account(Account),
    Hold(HoldId, Option<Hold>),
    Known(TransferId),
}

impl Book {
    /// An empty one of a shard whose last posting has this stamp.
    #[must_use]
    pub fn after(last: Option<Stamp>) -> Self {
        Self {
            last,
            ..Self::default()
        }
    }

    /// An account as it is in the database. One that is known stays as it is, because
    /// the book may be ahead: except for its standing, about which others decide.
    pub fn learn_account(&mut self, account: Account) {
        let known = self.accounts.entry(account.id).or_insert(account);
        known.standing = account.standing;
    }

    /// As [`Book::learn_account`].
    pub fn learn_hold(&mut self, hold: Hold) {
        if !self.holds.contains_key(&hold.id) {
            self.set_hold(hold);
        }
    }

    /// A transfer that was done before.
    pub fn learn_posting(&mut self, posting: Posting) {
        self.known.entry(posting.id).or_insert(posting);
    }

    /// An account.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(&id)
    }

    /// A hold.
    #[must_use]
    pub fn hold(&self, id: HoldId) -> Option<&Hold> {
        self.holds.get(&id)
    }

    /// Forgets the transfers and the holds, which are looked up when they are named
    /// again; the accounts as well when they are more than this. Everything that was
    /// decided has to be stored.
    pub fn forget(&mut self, most_accounts: usize) {
        self.known.clear();
        self.holds.clear();
        self.ending.clear();
        if self.accounts.len() > most_accounts {
            self.accounts.clear();
        }
    }

    /// How many transfers it remembers.
    #[must_use]
    pub fn remembers(&self) -> usize {
        self.known.len()
    }

    /// Whether an account has to be looked up before anything is decided about it.
    #[must_use]
    pub fn wants(&self, id: AccountId) -> bool {
        let known = self.accounts.get(&id);
        known.is_none_or(|account| account.standing != Standing::Open)
    }

    /// Whether a group has been decided before, or a part of it.
    #[must_use]
    pub fn knows(&self, group: &Group) -> bool {
        let mut requests = group.requests().iter();
        requests.any(|request| self.known.contains_key(&request.id))
    }

    /// What has to be looked up before some requests can be decided. What is not found
    /// then does not exist. Accounts that do not take part are looked up again: others
    /// decide about that, and whoever is refused is refused for good.
    #[must_use]
    pub fn missing<'a>(&self, groups: impl IntoIterator<Item = &'a Group>) -> Missing {
        let mut missing = Missing::default();
        for request in groups.into_iter().flat_map(Group::requests) {
            if !self.known.contains_key(&request.id) {
                missing.transfers.push(request.id);
            }
            match request.operation {
                Operation::Transfer { debit, credit, .. }
                | Operation::Pay { debit, credit, .. }
                | Operation::Hold { debit, credit, .. } => {
                    let sides = [debit, credit].into_iter();
                    missing.accounts.extend(sides.filter(|id| self.wants(*id)));
                }
                Operation::Capture { hold, .. }
                | Operation::Void { hold }
                | Operation::Refund { hold, .. } => match self.holds.get(&hold) {
                    None => missing.holds.push(hold),
                    Some(hold) => {
                        let sides = [hold.debit, hold.credit].into_iter();
                        missing.accounts.extend(sides.filter(|id| self.wants(*id)));
                    }
                },
            }
        }
        missing.transfers.sort_unstable();
        missing.transfers.dedup();
        missing.holds.sort_unstable();
        missing.holds.dedup();
        missing.accounts.sort_unstable();
        missing.accounts.dedup();
        missing
    }

    /// Decides a group: all of it is done, or nothing. The answers are in the order of
    /// its requests.
    pub fn decide(&mut self, group: &Group, now: Stamp, batch: &mut Batch) -> Vec<Answer> {
        if let Some(answers) = self.repeated(group) {
            return answers;
        }
        let (begun, last) = (batch.postings.len(), self.last);
        let mut undo = Vec::new();
        for (place, request) in group.requests().iter().enumerate() {
            if let Err(rejection) = self.carry_out(request, now, &mut undo, batch) {
                batch.postings.truncate(begun);
                self.last = last;
                self.take_back(undo);
                return refused(group, place, rejection);
            }
        }
        batch.postings[begun..].iter().copied().map(Ok).collect()
    }

    /// Releases the holds whose time has ended, in the order in which it did.
    pub fn expire(&mut self, now: Stamp, batch: &mut Batch) {
        while let Some(hold) = self.next_due(now) {
            let rest = Amount::new(hold.remainder()).expect("an open hold has a remainder");
            let over = hold.released(HoldState::Expired);
            let expiry = Request {
                id: hold.expiry(),
                operation: Operation::Void { hold: hold.id },
                code: 0,
                reference: None,
            };
            let step = Step::of_hold(&expiry, &over, Kind::Expiry, rest);
            self.apply(step, Some(over), now, &mut Vec::new(), batch);
        }
    }

    /// The open hold whose time has ended first.
    fn next_due(&self, now: Stamp) -> Option<Hold> {
        let (_, first) = self.ending.first()?;
        self.holds
            .get(first)
            .filter(|hold| hold.is_due(now))
            .copied()
    }

    /// What a batch changes, in the orders in which it is stored.
    #[must_use]
    pub fn changes(&self, batch: Batch) -> Changes {
        let mut accounts: Vec<AccountChange> = batch
            .before
            .values()
            .filter_map(|before| {
                let now = self.accounts.get(&before.id)?;
                (now.version != before.version).then_some(AccountChange {
                    id: now.id,
                    expected: before.version,
                    version: now.version,
                    standing: now.standing,
                    totals: now.totals,
                })
            })
            .collect();
        accounts.sort_unstable_by_key(|change| change.id);
        let holds = |wanted: bool| {
            let some = batch.holds.iter().filter(|(_, is_new)| **is_new == wanted);
            let mut holds: Vec<Hold> = some
                .filter_map(|(id, _)| self.holds.get(id).copied())
                .collect();
            holds.sort_unstable_by_key(|hold| hold.id);
            holds
        };
        Changes {
            new_holds: holds(true),
            changed_holds: holds(false),
            postings: batch.postings,
            accounts,
        }
    }

    /// The answers of a group whose ids are known already: the first ones again, if it
    /// is the same group.
    fn repeated(&self, group: &Group) -> Option<Vec<Answer>> {
        let before: Vec<Option<&Posting>> = group
            .requests()
            .iter()
            .map(|request| self.known.get(&request.id))
            .collect();
        if before.iter().all(Option::is_none) {
            return None;
        }
        let differs = |(posting, request): (&Option<&Posting>, &Request)| {
            !posting.is_some_and(|posting| posting.answers(request))
        };
        Some(
            match before.iter().zip(group.requests()).position(differs) {
                Some(place) => refused(group, place, Rejection::IdReused),
                None => before.into_iter().flatten().copied().map(Ok).collect(),
            },
        )
    }

    fn carry_out(
        &mut self,
        request: &Request,
        now: Stamp,
        undo: &mut Vec<Undo>,
        batch: &mut Batch,
    ) -> Result<(), Rejection> {
        if self.known.contains_key(&request.id) {
            return Err(Rejection::IdReused);
        }
        let (step, hold) = self.plan(request, self.next(now))?;
        undo.push(Undo::Known(request.id));
        self.apply(step, hold, now, undo, batch);
        Ok(())
    }

    /// What a request would do, if it may.
    fn plan(&self, request: &Request, now: Stamp) -> Result<(Step, Option<Hold>), Rejection> {
        match request.operation {
            Operation::Transfer {
                debit,
                credit,
                amount,
            } => {
                let step = self.between(request, Kind::Transfer, debit, credit, amount)?;
                Ok((step, None))
            }
            Operation::Pay {
                debit,
                credit,
                amount,
            } => {
                let step = self.between(request, Kind::Transfer, debit, credit, amount)?;
                let kept = Hold {
                    captured: amount.minor(),
                    state: HoldState::Captured,
                    ..step.promise()
                };
                Ok((step, Some(kept)))
            }
            Operation::Hold {
                debit,
                credit,
                amount,
                expires_at,
            } => {
                let step = Step {
                    expires_at,
                    ..self.between(request, Kind::Hold, debit, credit, amount)?
                };
                let hold = step.promise();
                hold.open(now)?;
                Ok((step, Some(hold)))
            }
            Operation::Capture { hold, amount } => {
                let hold = self.promised(hold)?;
                let rest = hold.open(now)?;
                let amount = amount.unwrap_or(rest);
                if amount > rest {
                    return Err(Rejection::MoreThanHeld {
                        hold: hold.id,
                        remainder: rest.minor(),
                    });
                }
                let kept = Hold {
                    captured: hold.captured + amount.minor(),
                    state: if amount == rest {
                        HoldState::Captured
                    } else {
                        HoldState::Open
                    },
                    ..hold
                };
                Ok((
                    Step::of_hold(request, &kept, Kind::Capture, amount),
                    Some(kept),
                ))
            }
            Operation::Void { hold } => {
                let hold = self.promised(hold)?;
                let rest = hold.open(now)?;
                let void = hold.released(HoldState::Voided);
                Ok((Step::of_hold(request, &void, Kind::Void, rest), Some(void)))
            }
            Operation::Refund { hold, amount } => {
                let hold = self.promised(hold)?;
                if amount.minor() > hold.refundable() {
                    return Err(Rejection::MoreThanCaptured {
                        hold: hold.id,
                        refundable: hold.refundable(),
                    });
                }
                let step = Step {
                    hold: Some(hold.id),
                    ..self.between(request, Kind::Refund, hold.credit, hold.debit, amount)?
                };
                let less = Hold {
                    refunded: hold.refunded + amount.minor(),
                    ..hold
                };
                Ok((step, Some(less)))
            }
        }
    }

    /// A hold, whose accounts are known.
    fn promised(&self, id: HoldId) -> Result<Hold, Rejection> {
        let hold = *self.holds.get(&id).ok_or(Rejection::HoldUnknown(id))?;
        for account in [hold.debit, hold.credit] {
            self.known_account(account)?;
        }
        Ok(hold)
    }

    fn known_account(&self, id: AccountId) -> Result<&Account, Rejection> {
        self.accounts.get(&id).ok_or(Rejection::AccountUnknown(id))
    }

    /// Something new between two accounts.
    fn between(
        &self,
        request: &Request,
        kind: Kind,
        debit: AccountId,
        credit: AccountId,
        amount: Amount,
    ) -> Result<Step, Rejection> {
        if debit == credit {
            return Err(Rejection::SameAccount);
        }
        let (from, to) = (self.known_account(debit)?, self.known_account(credit)?);
        if from.ledger != to.ledger {
            return Err(Rejection::LedgersDiffer);
        }
        from.takes_part()?;
        to.takes_part()?;
        from.bears(Side::Debit, amount)?;
        to.bears(Side::Credit, amount)?;
        Ok(Step {
            id: request.id,
            kind,
            ledger: from.ledger,
            debit,
            credit,
            amount,
            hold: None,
            expires_at: None,
            code: request.code,
            reference: request.reference,
        })
    }

    fn next(&self, now: Stamp) -> Stamp {
        match self.last {
            Some(Stamp(last)) => now.max(Stamp(last + 1)),
            None => now,
        }
    }

    fn apply(
        &mut self,
        step: Step,
        hold: Option<Hold>,
        now: Stamp,
        undo: &mut Vec<Undo>,
        batch: &mut Batch,
    ) {
        let mut balance = |id: AccountId, side: Side| {
            let account = self
                .accounts
                .get_mut(&id)
                .expect("a step names accounts that are known");
            undo.push(Undo::Account(*account));
            batch.before.entry(id).or_insert(*account);
            match step.kind {
                Kind::Transfer | Kind::Refund => account.post(side, step.amount),
                Kind::Hold => account.promise(side, step.amount),
                Kind::Capture => account.keep(side, step.amount),
                Kind::Void | Kind::Expiry => account.release(side, step.amount),
            }
            account.totals.balance()
        };
        let debit_balance = balance(step.debit, Side::Debit);
        let credit_balance = balance(step.credit, Side::Credit);
        if let Some(hold) = hold {
            let before = self.set_hold(hold);
            batch.holds.entry(hold.id).or_insert(before.is_none());
            undo.push(Undo::Hold(hold.id, before));
        }
        let at = self.next(now);
        let posting = step.posting(at, debit_balance, credit_balance);
        self.last = Some(at);
        self.known.insert(posting.id, posting);
        batch.postings.push(posting);
    }

    /// Puts a hold in the place of what it was before.
    fn set_hold(&mut self, hold: Hold) -> Option<Hold> {
        let before = self.holds.insert(hold.id, hold);
        if let Some(end) = before.as_ref().and_then(ending) {
            self.ending.remove(&end);
        }
        self.ending.extend(ending(&hold));
        before
    }

    fn unset_hold(&mut self, id: HoldId) {
        if let Some(end) = self.holds.remove(&id).as_ref().and_then(ending) {
            self.ending.remove(&end);
        }
    }

    fn take_back(&mut self, undo: Vec<Undo>) {
        for step in undo.into_iter().rev() {
            match step {
                Undo::Account(account) => {
                    self.accounts.insert(account.id, account);
                }
                Undo::Hold(_, Some(hold)) => {
                    self.set_hold(hold);
                }
                Undo::Hold(id, None) => self.unset_hold(id),
                Undo::Known(id) => {
                    self.known.remove(&id);
                }
            }
        }
    }
}

/// When an open hold ends by itself.
fn ending(hold: &Hold) -> Option<(Stamp, HoldId)> {
    let end = hold.expires_at.filter(|_| hold.state == HoldState::Open)?;
    Some((end, hold.id))
}

/// A posting that has no stamp and no balances yet.
struct Step {
    id: TransferId,
    kind: Kind,
    ledger: super::account::LedgerId,
    debit: AccountId,
    credit: AccountId,
    amount: Amount,
    hold: Option<HoldId>,
    expires_at: Option<Stamp>,
    code: i16,
    reference: Option<uuid::Uuid>,
}

impl Step {
    /// What it promises, if that is what it does.
    const fn promise(&self) -> Hold {
        Hold {
            id: self.id,
            ledger: self.ledger,
            debit: self.debit,
            credit: self.credit,
            amount: self.amount,
            captured: 0,
            refunded: 0,
            state: HoldState::Open,
            expires_at: self.expires_at,
        }
    }

    const fn of_hold(request: &Request, hold: &Hold, kind: Kind, amount: Amount) -> Self {
        Self {
            id: request.id,
            kind,
            ledger: hold.ledger,
            debit: hold.debit,
            credit: hold.credit,
            amount,
            hold: Some(hold.id),
            expires_at: None,
            code: request.code,
            reference: request.reference,
        }
    }

    const fn posting(self, at: Stamp, debit_balance: i64, credit_balance: i64) -> Posting {
        Posting {
            at,
            id: self.id,
            kind: self.kind,
            ledger: self.ledger,
            debit: self.debit,
            credit: self.credit,
            amount: self.amount,
            debit_balance,
            credit_balance,
            hold: self.hold,
            expires_at: self.expires_at,
            code: self.code,
            reference: self.reference,
        }
    }
}

fn refused(group: &Group, place: usize, rejection: Rejection) -> Vec<Answer> {
    (0..group.requests().len())
        .map(|other| {
            Err(if other == place {
                rejection
            } else {
                Rejection::GroupRefused(place)
            })
        })
        .collect()
}
