//! The book against a model that is slow and obvious: it keeps nothing but the list of
//! what was done, adds it all up for every question, and takes nothing back because it
//! tries groups on a copy.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::account::{Account, AccountId, LedgerId, Limit, Standing, Totals};
use super::batch::Batch;
use super::book::{Answer, Book};
use super::chain::{Link, canonical};
use super::hold::{Hold, HoldState};
use super::operation::{
    Amount, Group, Kind, Operation, Posting, Rejection, Request, Stamp, TransferId,
};

/// Accounts 1 to 6: two wallets, a debt, the world, one frozen, one of another ledger.
fn accounts() -> Vec<Account> {
    let account = |id, ledger, limit| Account::new(AccountId(id), LedgerId(ledger), limit);
    vec![
        account(1, 1, Limit::DebitsWithinCredits),
        account(2, 1, Limit::DebitsWithinCredits),
        account(3, 1, Limit::CreditsWithinDebits),
        account(4, 1, Limit::None),
        Account {
            standing: Standing::Frozen,
            ..account(5, 1, Limit::None)
        },
        account(6, 2, Limit::None),
    ]
}

#[derive(Clone, Default)]
struct Model {
    done: Vec<(Request, Posting)>,
}

/// What a model says of a request: the amount that moves, or why not.
type Verdict = Result<i64, Rejection>;

impl Model {
    fn totals(&self, id: AccountId) -> [i128; 4] {
        let mut sums = [0_i128; 4];
        for (_, posting) in &self.done {
            let amount = i128::from(posting.amount.minor());
            for (side, account) in [(0, posting.debit), (2, posting.credit)] {
                if account != id {
                    continue;
                }
                match posting.kind {
                    Kind::Transfer | Kind::Refund => sums[side + 1] += amount,
                    Kind::Hold => sums[side] += amount,
                    Kind::Capture => {
                        sums[side] -= amount;
                        sums[side + 1] += amount;
                    }
                    Kind::Void | Kind::Expiry => sums[side] -= amount,
                }
            }
        }
        sums
    }

    /// What of a hold was captured and was not given back.
    fn refundable(&self, id: TransferId) -> i64 {
        let parts = self
            .done
            .iter()
            .filter(|(_, p)| p.hold == Some(id) || p.id == id);
        parts
            .map(|(request, posting)| match posting.kind {
                Kind::Transfer if is_pay(request) => posting.amount.minor(),
                Kind::Capture if posting.hold == Some(id) => posting.amount.minor(),
                Kind::Refund if posting.hold == Some(id) => -posting.amount.minor(),
                _ => 0,
            })
            .sum()
    }

    /// The promise of a hold, what is left of it, and how it ended.
    fn hold(&self, id: TransferId) -> Option<(Posting, i64, Option<HoldState>)> {
        let (request, made) = *self.done.iter().find(|(request, posting)| {
            (posting.kind == Kind::Hold || is_pay(request)) && posting.id == id
        })?;
        if is_pay(&request) {
            return Some((made, 0, Some(HoldState::Captured)));
        }
        let mut left = made.amount.minor();
        let mut ended = None;
        let mut captured = false;
        for (_, posting) in self.done.iter().filter(|(_, p)| p.hold == Some(id)) {
            if posting.kind == Kind::Refund {
                continue;
            }
            captured |= posting.kind == Kind::Capture;
            left -= posting.amount.minor();
            if left == 0 {
                ended = Some(match posting.kind {
                    _ if captured => HoldState::Captured,
                    Kind::Void => HoldState::Voided,
                    _ => HoldState::Expired,
                });
            }
        }
        Some((made, left, ended))
    }

    fn may(&self, request: &Request, at: Stamp) -> Verdict {
        if self.done.iter().any(|(_, p)| p.id == request.id) {
            return Err(Rejection::IdReused);
        }
        match request.operation {
            Operation::Transfer {
                debit,
                credit,
                amount,
            }
            | Operation::Pay {
                debit,
                credit,
                amount,
            } => self.may_begin(debit, credit, amount),
            Operation::Hold {
                debit,
                credit,
                amount,
                expires_at,
            } => {
                let amount = self.may_begin(debit, credit, amount)?;
                if expires_at.is_some_and(|end| end <= at) {
                    return Err(over(request.id, HoldState::Expired));
                }
                Ok(amount)
            }
            Operation::Capture { hold, amount } => {
                let left = self.may_end(hold, at)?;
                match amount {
                    Some(amount) if amount.minor() > left => Err(Rejection::MoreThanHeld {
                        hold,
                        remainder: left,
                    }),
                    Some(amount) => Ok(amount.minor()),
                    None => Ok(left),
                }
            }
            Operation::Void { hold } => self.may_end(hold, at),
            Operation::Refund { hold, amount } => {
                let (made, ..) = self.hold(hold).ok_or(Rejection::HoldUnknown(hold))?;
                let refundable = self.refundable(hold);
                if amount.minor() > refundable {
                    return Err(Rejection::MoreThanCaptured { hold, refundable });
                }
                self.may_begin(made.credit, made.debit, amount)
            }
        }
    }

    fn may_begin(&self, debit: AccountId, credit: AccountId, amount: Amount) -> Verdict {
        if debit == credit {
            return Err(Rejection::SameAccount);
        }
        let find = |id| {
            accounts()
                .into_iter()
                .find(|account| account.id == id)
                .ok_or(Rejection::AccountUnknown(id))
        };
        let (from, to) = (find(debit)?, find(credit)?);
        if from.ledger != to.ledger {
            return Err(Rejection::LedgersDiffer);
        }
        for side in [from, to] {
            if side.standing == Standing::Frozen {
                return Err(Rejection::AccountFrozen(side.id));
            }
        }
        let wanted = i128::from(amount.minor());
        let narrow = |wide: i128| i64::try_from(wide).expect("it fits");
        let [promised, paid, _, received] = self.totals(debit);
        if promised + paid + wanted > i128::from(i64::MAX) {
            return Err(Rejection::Overflow(debit));
        }
        if from.limit == Limit::DebitsWithinCredits && promised + paid + wanted > received {
            return Err(Rejection::InsufficientFunds {
                account: debit,
                available: narrow(received - paid - promised),
            });
        }
        let [_, owed, coming, received] = self.totals(credit);
        if coming + received + wanted > i128::from(i64::MAX) {
            return Err(Rejection::Overflow(credit));
        }
        if to.limit == Limit::CreditsWithinDebits && coming + received + wanted > owed {
            return Err(Rejection::MoreThanOwed {
                account: credit,
                owed: narrow(owed - received - coming),
            });
        }
        Ok(amount.minor())
    }

    fn may_end(&self, hold: TransferId, at: Stamp) -> Verdict {
        let (made, left, ended) = self.hold(hold).ok_or(Rejection::HoldUnknown(hold))?;
        match ended {
            Some(state) => Err(over(hold, state)),
            None if made.expires_at.is_some_and(|end| end <= at) => {
                let captured = left < made.amount.minor();
                Err(over(
                    hold,
                    if captured {
                        HoldState::Captured
                    } else {
                        HoldState::Expired
                    },
                ))
            }
            None => Ok(left),
        }
    }
}

/// Whether it moved money that can be given back.
const fn is_pay(request: &Request) -> bool {
    matches!(request.operation, Operation::Pay { .. })
}

fn over(hold: TransferId, state: HoldState) -> Rejection {
    Rejection::HoldIsOver { hold, state }
}

/// Few ids, accounts and instants, so that they meet.
fn request() -> impl Strategy<Value = Request> {
    let id = (0_u128..40).prop_map(|n| TransferId(Uuid::from_u128(n)));
    let account = (1_i64..=7).prop_map(AccountId);
    let amount = prop_oneof![
        8 => 1_i64..200,
        1 => Just(i64::MAX),
        1 => Just(i64::MAX / 2),
    ]
    .prop_map(|minor| Amount::new(minor).expect("positive"));
    let end = proptest::option::of((0_i64..400).prop_map(Stamp));
    let operation = prop_oneof![
        3 => (account.clone(), account.clone(), amount.clone())
            .prop_map(|(debit, credit, amount)| Operation::Transfer { debit, credit, amount }),
        3 => (account.clone(), account.clone(), amount.clone())
            .prop_map(|(debit, credit, amount)| Operation::Pay { debit, credit, amount }),
        3 => (account.clone(), account, amount.clone(), end)
            .prop_map(|(debit, credit, amount, expires_at)| Operation::Hold { debit, credit, amount, expires_at }),
        2 => (id.clone(), proptest::option::of(amount.clone()))
            .prop_map(|(hold, amount)| Operation::Capture { hold, amount }),
        1 => id.clone().prop_map(|hold| Operation::Void { hold }),
        2 => (id.clone(), amount).prop_map(|(hold, amount)| Operation::Refund { hold, amount }),
    ];
    (id, operation, 0_i16..2).prop_map(|(id, operation, code)| Request {
        id,
        operation,
        code,
        reference: None,
    })
}

/// What happens: groups that arrive, and time that passes.
#[derive(Debug, Clone)]
enum Event {
    Arrives(Group),
    Passes(i64),
    Stored,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let group = prop_oneof![
        4 => request().prop_map(Group::of),
        1 => prop::collection::vec(request(), 2..5).prop_map(|all| Group::new(all).expect("not empty")),
    ];
    let event = prop_oneof![
        8 => group.prop_map(Event::Arrives),
        1 => (1_i64..40).prop_map(Event::Passes),
        1 => Just(Event::Stored),
    ];
    prop::collection::vec(event, 1..120)
}

/// As the database keeps it.
#[derive(Default)]
struct Stored {
    accounts: BTreeMap<AccountId, (Totals, i64)>,
    holds: BTreeMap<TransferId, Hold>,
    postings: Vec<Posting>,
    links: Vec<(usize, Link)>,
}

impl Stored {
    fn take(&mut self, book: &Book, batch: Batch) {
        let changes = book.changes(batch);
        for change in &changes.accounts {
            let before = self
                .accounts
                .get(&change.id)
                .map_or(0, |(_, version)| *version);
            assert_eq!(
                change.expected, before,
                "an update meets the row it expects"
            );
            self.accounts
                .insert(change.id, (change.totals, change.version));
        }
        for hold in changes.new_holds {
            assert_eq!(self.holds.insert(hold.id, hold), None, "it is new");
        }
        for hold in changes.changed_holds {
            assert!(self.holds.insert(hold.id, hold).is_some(), "it was there");
        }
        let last = self.links.last().map_or(Link::GENESIS, |(_, link)| *link);
        self.links
            .push((changes.postings.len(), last.next(&changes.postings)));
        self.postings.extend(changes.postings);
    }
}

proptest! {
    #[test]
    fn a_book_agrees_with_a_model(events in events()) {
        let mut book = Book::after(None);
        accounts().into_iter().for_each(|account| book.learn_account(account));
        let (mut model, mut now) = (Model::default(), Stamp(0));
        let (mut stored, mut batch) = (Stored::default(), Batch::default());
        for event in events {
            match event {
                Event::Passes(time) => {
                    now.0 += time;
                    let begun = batch.postings().len();
                    book.expire(now, &mut batch);
                    for posting in &batch.postings()[begun..] {
                        let (made, left, ended) = model.hold(posting.hold.unwrap()).unwrap();
                        prop_assert_eq!((posting.amount.minor(), ended), (left, None));
                        prop_assert!(made.expires_at.unwrap() <= now);
                        let request = Request { id: posting.id, operation: Operation::Void { hold: made.id }, code: 0, reference: None };
                        model.done.push((request, *posting));
                    }
                    let due = model.done.iter().filter(|(_, p)| p.kind == Kind::Hold && p.expires_at.is_some_and(|end| end <= now));
                    for (_, hold) in due {
                        prop_assert!(model.hold(hold.id).unwrap().2.is_some(), "an expired hold is released");
                    }
                }
                Event::Stored => stored.take(&book, std::mem::take(&mut batch)),
                Event::Arrives(group) => {
                    let answers = book.decide(&group, now, &mut batch);
                    prop_assert_eq!(answers.len(), group.requests().len());
                    agree(&mut model, &group, &answers, now)?;
                }
            }
            sound(&book, &model)?;
        }
        stored.take(&book, batch);
        kept(&book, &model, &stored)?;
    }

    #[test]
    fn one_changed_byte_breaks_the_chain(events in events(), pick: prop::sample::Index, bit in 0_u8..8) {
        let mut book = Book::after(None);
        accounts().into_iter().for_each(|account| book.learn_account(account));
        let mut batch = Batch::default();
        for event in events {
            if let Event::Arrives(group) = event {
                book.decide(&group, Stamp(0), &mut batch);
            }
        }
        prop_assume!(!batch.is_empty());
        let rows: Vec<_> = batch.postings().iter().map(canonical).collect();
        let distinct: BTreeSet<_> = rows.iter().collect();
        prop_assert_eq!(distinct.len(), rows.len());
        let link = Link::GENESIS.next(batch.postings());
        let mut others = batch.postings().to_vec();
        let at = pick.index(others.len());
        others[at].code ^= 1 << bit;
        prop_assert_ne!(Link::GENESIS.next(&others), link);
        others[at].code ^= 1 << bit;
        prop_assert_eq!(Link::GENESIS.next(&others), link);
        others.remove(at);
        prop_assert_ne!(Link::GENESIS.next(&others), link);
    }
}

/// The model decides the same, and remembers what was done.
fn agree(
    model: &mut Model,
    group: &Group,
    answers: &[Answer],
    now: Stamp,
) -> Result<(), TestCaseError> {
    let of = |id: TransferId| model.done.iter().find(|(_, p)| p.id == id).copied();
    let requests = group.requests();
    if requests.iter().any(|request| of(request.id).is_some()) {
        for (request, answer) in requests.iter().zip(answers) {
            match answer {
                Ok(again) => {
                    let (first, posting) = of(request.id).expect("it was done before");
                    prop_assert_eq!(*again, posting);
                    prop_assert!(posting.answers(&first));
                }
                Err(rejection) => prop_assert!(matches!(
                    rejection,
                    Rejection::IdReused | Rejection::GroupRefused(_)
                )),
            }
        }
        let all = answers.iter().all(Result::is_ok);
        let none = answers.iter().all(Result::is_err);
        prop_assert!(all || none);
        return Ok(());
    }
    let mut tried = model.clone();
    for (place, (request, answer)) in requests.iter().zip(answers).enumerate() {
        let last = tried.done.last().map_or(-1, |(_, p)| p.at.0);
        let at = Stamp(now.0.max(last + 1));
        match tried.may(request, at) {
            Ok(amount) => {
                let Ok(posting) = answer else {
                    // Done, but another of the group was refused.
                    let refused = answers.iter().position(|answer| {
                        matches!(answer, Err(rejection) if !matches!(rejection, Rejection::GroupRefused(_)))
                    });
                    prop_assert!(
                        refused.is_some_and(|refused| refused > place),
                        "{:?}",
                        answer
                    );
                    prop_assert_eq!(*answer, Err(Rejection::GroupRefused(refused.unwrap_or(0))));
                    // The model goes on, to find the one that is refused.
                    tried
                        .done
                        .push((*request, assumed(&tried, request, at, amount)));
                    continue;
                };
                prop_assert_eq!((posting.amount.minor(), posting.at), (amount, at));
                tried.done.push((*request, *posting));
            }
            Err(rejection) => {
                prop_assert_eq!(*answer, Err(rejection));
                for other in &answers[place + 1..] {
                    prop_assert_eq!(*other, Err(Rejection::GroupRefused(place)));
                }
                return Ok(());
            }
        }
    }
    *model = tried;
    Ok(())
}

/// What a request would have written, in a group that is refused later.
fn assumed(model: &Model, request: &Request, at: Stamp, amount: i64) -> Posting {
    let (kind, debit, credit, hold, expires_at) = match request.operation {
        Operation::Transfer { debit, credit, .. } | Operation::Pay { debit, credit, .. } => {
            (Kind::Transfer, debit, credit, None, None)
        }
        Operation::Hold {
            debit,
            credit,
            expires_at,
            ..
        } => (Kind::Hold, debit, credit, None, expires_at),
        Operation::Refund { hold, .. } => {
            let made = model.hold(hold).expect("it was captured").0;
            (Kind::Refund, made.credit, made.debit, Some(hold), None)
        }
        Operation::Capture { hold, .. } | Operation::Void { hold } => {
            let made = model.hold(hold).expect("it may be ended").0;
            let kind = match request.operation {
                Operation::Capture { .. } => Kind::Capture,
                _ => Kind::Void,
            };
            (kind, made.debit, made.credit, Some(hold), None)
        }
    };
    Posting {
        at,
        id: request.id,
        kind,
        ledger: LedgerId(1),
        debit,
        credit,
        amount: Amount::new(amount).expect("positive"),
        debit_balance: 0,
        credit_balance: 0,
        hold,
        expires_at,
        code: request.code,
        reference: request.reference,
    }
}

/// What holds at every moment.
fn sound(book: &Book, model: &Model) -> Result<(), TestCaseError> {
    let mut sides: BTreeMap<LedgerId, [i128; 2]> = BTreeMap::new();
    for account in accounts() {
        let known = book.account(account.id).expect("it was learned");
        let Totals {
            debits_pending,
            debits_posted,
            credits_pending,
            credits_posted,
        } = known.totals;
        let totals = [
            debits_pending,
            debits_posted,
            credits_pending,
            credits_posted,
        ];
        prop_assert_eq!(totals.map(i128::from), model.totals(account.id));
        prop_assert!(totals.iter().all(|total| *total >= 0));
        match account.limit {
            Limit::None => {}
            Limit::DebitsWithinCredits => prop_assert!(known.totals.available() >= 0),
            Limit::CreditsWithinDebits => {
                prop_assert!(credits_pending + credits_posted <= debits_posted);
            }
        }
        let sums = sides.entry(account.ledger).or_default();
        sums[0] += i128::from(debits_posted) - i128::from(credits_posted);
        sums[1] += i128::from(debits_pending) - i128::from(credits_pending);
    }
    for sums in sides.values() {
        prop_assert_eq!(*sums, [0, 0]);
    }
    Ok(())
}

/// What was stored is what was done: all of it, once, in order.
fn kept(book: &Book, model: &Model, stored: &Stored) -> Result<(), TestCaseError> {
    let done: Vec<Posting> = model.done.iter().map(|(_, posting)| *posting).collect();
    prop_assert_eq!(&stored.postings, &done);
    prop_assert!(done.windows(2).all(|two| two[0].at < two[1].at));
    let mut last: BTreeMap<AccountId, i64> = BTreeMap::new();
    for posting in &done {
        let moved = match posting.kind {
            Kind::Transfer | Kind::Capture | Kind::Refund => posting.amount.minor(),
            Kind::Hold | Kind::Void | Kind::Expiry => 0,
        };
        for (account, balance, change) in [
            (posting.debit, posting.debit_balance, -moved),
            (posting.credit, posting.credit_balance, moved),
        ] {
            let before = last.insert(account, balance).unwrap_or(0);
            prop_assert_eq!(before + change, balance, "balances follow each other");
        }
    }
    for account in accounts() {
        let known = book.account(account.id).expect("it was learned");
        let row = stored.accounts.get(&account.id).copied();
        prop_assert_eq!(row.unwrap_or_default(), (known.totals, known.version));
        let names = |p: &&Posting| p.debit == account.id || p.credit == account.id;
        let named = done.iter().filter(names).count();
        prop_assert_eq!(usize::try_from(known.version).expect("positive"), named);
    }
    for (id, hold) in &stored.holds {
        let (made, left, ended) = model.hold(*id).expect("it was made");
        prop_assert_eq!(hold.amount, made.amount);
        prop_assert_eq!(hold.remainder(), left);
        prop_assert_eq!(hold.refundable(), model.refundable(*id));
        prop_assert!((0..=hold.captured).contains(&hold.refunded));
        prop_assert_eq!(hold.state, ended.unwrap_or(HoldState::Open));
    }
    let mut rest = &stored.postings[..];
    let mut link = Link::GENESIS;
    for (n, stored) in &stored.links {
        let (of_batch, others) = rest.split_at(*n);
        link = link.next(of_batch);
        prop_assert_eq!(link, *stored);
        rest = others;
    }
    Ok(())
}
