//! The ledger, on a durable PostgreSQL of its own that is thrown away: transfers in this
//! process, and beside them the same rows by plain SQL, one transaction each; payments
//! over gRPC and through REST, in a whole hospital on loopback.
//!
//! Every answer is checked when it comes, and afterwards the whole ledger: sums, folds
//! of every account, the chain, and that what was acknowledged is there, and nothing else.

mod house;
mod payments;
mod place;
mod plain;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use galen_securepay::ledger::{AccountId, Amount, Group, Operation, Request, TransferId};
use galen_securepay::writer::{self, Ledger, Mode, Shard};
use galen_storage::Db;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::house::House;
use self::place::Place;
use super::load::{self, Measured};
use crate::cli::{Bench, LedgerPath};

type Failed = Box<dyn std::error::Error>;

/// What every account begins with; minor units.
const FUNDS: i64 = 1_000_000_000;
/// Groups on their way while accounts are filled.
const FILLING: usize = 2_000;
/// Callers that a plain database still bears: connections.
const CONNECTIONS: usize = 64;

/// How long a run is.
#[derive(Clone, Copy)]
struct Length {
    lasting: Duration,
    /// Ends it earlier.
    transfers: u64,
}

/// Measures every number of accounts with every number of callers.
///
/// # Errors
/// When the database fails, or the ledger is wrong afterwards.
pub(crate) async fn run(options: &Bench) -> Result<ExitCode, Failed> {
    let length = Length {
        lasting: Duration::from_secs(options.seconds),
        transfers: options.transfers.unwrap_or(u64::MAX),
    };
    place::describe(options.commit_millis);
    println!(
        "{:<10} {:>8} {:>8} {:>11} {:>9} {:>9} {:>9} {:>9} {:>7} {:>8} {:>9}",
        "",
        "accounts",
        "callers",
        "transfers/s",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "max ms",
        "errors",
        "batches",
        "in each"
    );
    let mut failed = false;
    for path in &options.through {
        for &accounts in &options.accounts {
            failed |= match path {
                LedgerPath::Process => in_process(options, accounts, length).await?,
                LedgerPath::Grpc | LedgerPath::Rest => {
                    in_hospital(options, *path, accounts, length).await?
                }
            };
        }
    }
    Ok(if failed {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}

/// Transfers in this process; says whether something was wrong.
async fn in_process(options: &Bench, accounts: u32, length: Length) -> Result<bool, Failed> {
    let mut failed = false;
    let place = Place::open(accounts, options.commit_millis).await?;
    let stopping = CancellationToken::new();
    let ledger = Ledger::start(&place.db, Shard(0), Mode::Exclusive, stopping.clone());
    fill(&ledger, accounts).await?;
    let mut tally = Tally {
        done: u64::from(accounts),
        unknown: 0,
    };
    for &callers in &options.clients {
        let before = batches(&place.db).await?;
        let measured = transfers(&ledger, accounts, callers, length).await;
        let batches = batches(&place.db).await? - before;
        failed |= measured.errors > 0;
        tally.count(&measured, 1);
        print("process", accounts, callers, &measured, Some(batches));
    }
    for &callers in &options.clients {
        if callers <= CONNECTIONS && !options.alone {
            let measured = plain::transfers(&place, accounts, callers, length).await?;
            failed |= measured.errors > 0;
            print("plain SQL", accounts, callers, &measured, None);
        }
    }
    failed |= !is_sound(&place.db, place::LEDGER_CHECKS, tally).await?;
    stopping.cancel();
    place.close().await?;
    Ok(failed)
}

/// Payments in a hospital; says whether something was wrong.
async fn in_hospital(
    options: &Bench,
    path: LedgerPath,
    accounts: u32,
    length: Length,
) -> Result<bool, Failed> {
    let mut failed = false;
    let house = House::open(accounts, options.commit_millis).await?;
    let mut tally = Tally {
        done: u64::from(accounts),
        unknown: 0,
    };
    for &callers in &options.clients {
        let before = batches(&house.db).await?;
        let (name, measured) = match path {
            LedgerPath::Rest => {
                let measured = payments::through_rest(&house, callers, length).await;
                ("REST", measured)
            }
            LedgerPath::Grpc | LedgerPath::Process => {
                let measured = payments::over_grpc(&house, callers, length).await?;
                ("gRPC", measured)
            }
        };
        let batches = batches(&house.db).await? - before;
        failed |= measured.errors > 0;
        tally.count(&measured, 1);
        print(name, accounts, callers, &measured, Some(batches));
        let late = house.told().await?;
        println!(
            "  others were told of all of it {} ms later",
            late.as_millis()
        );
    }
    failed |= !is_sound(&house.db, galen_securepay::CHECKS.len(), tally).await?;
    house.close().await?;
    Ok(failed)
}

/// Postings that must be there, and those of which it is not known.
#[derive(Clone, Copy)]
struct Tally {
    done: u64,
    unknown: u64,
}

impl Tally {
    const fn count(&mut self, measured: &Measured, each: u64) {
        self.done += measured.answers * each;
        self.unknown += measured.errors * each;
    }
}

async fn batches(db: &Db) -> Result<u64, Failed> {
    let batches: i64 = sqlx::query_scalar("select count(*) from batch")
        .fetch_one(db.pool())
        .await?;
    Ok(u64::try_from(batches)?)
}

/// Account 1 is the world; the others have wallets' limits and funds.
async fn fill(ledger: &Ledger, accounts: u32) -> Result<(), Failed> {
    let mut filled = 0;
    while filled < accounts {
        let some = (accounts - filled).min(u32::try_from(FILLING)?);
        let groups = (filled..filled + some).map(|n| {
            ledger.submit(Group::of(request(
                AccountId(1),
                account(u64::from(n)),
                FUNDS,
            )))
        });
        for answers in futures::future::try_join_all(groups).await? {
            for answer in answers {
                answer?;
            }
        }
        filled += some;
    }
    Ok(())
}

/// The `n`th account after the world.
fn account(n: u64) -> AccountId {
    AccountId(2 + i64::try_from(n).expect("few accounts"))
}

fn request(debit: AccountId, credit: AccountId, minor: i64) -> Request {
    Request {
        id: TransferId(Uuid::now_v7()),
        operation: Operation::Transfer {
            debit,
            credit,
            amount: Amount::new(minor).expect("more than zero"),
        },
        code: 1,
        reference: None,
    }
}

/// Two different accounts, drawn evenly.
struct Draw(u64);

impl Draw {
    const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// xorshift64: reproducible, and good enough to choose accounts.
    const fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn two(&mut self, accounts: u32) -> (AccountId, AccountId) {
        let accounts = u64::from(accounts);
        let (one, step) = (self.below(accounts), 1 + self.below(accounts - 1));
        (account(one), account((one + step) % accounts))
    }

    fn wallets(&mut self, wallets: &[Uuid]) -> (Uuid, Uuid) {
        let number = wallets.len() as u64;
        let (one, step) = (self.below(number), 1 + self.below(number - 1));
        let at = |place: u64| wallets[usize::try_from(place).expect("few wallets")];
        (at(one), at((one + step) % number))
    }
}

/// Callers who ask for the next transfer when the last is answered.
async fn transfers(ledger: &Ledger, accounts: u32, callers: usize, length: Length) -> Measured {
    let left = Arc::new(AtomicU64::new(length.transfers));
    let began = Instant::now();
    let running: Vec<_> = (0..callers)
        .map(|caller| {
            let (ledger, left) = (ledger.clone(), Arc::clone(&left));
            tokio::spawn(async move {
                let mut draw = Draw::new(caller as u64 + 1);
                let mut measured = Measured::nothing();
                while began.elapsed() < length.lasting && take_one(&left) {
                    let (debit, credit) = draw.two(accounts);
                    let asked = Instant::now();
                    let answers = ledger.submit(Group::of(request(debit, credit, 1))).await;
                    match answers.as_deref() {
                        Ok([Ok(posting)]) if posting.debit == debit => {
                            measured.answered(asked.elapsed());
                        }
                        other => measured.failed(format!("{other:?}")),
                    }
                }
                measured
            })
        })
        .collect();
    let mut all = load::together(running).await;
    all.took = began.elapsed();
    all
}

/// Whether there is one left to do.
fn take_one(left: &AtomicU64) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
        .is_ok()
}

/// Every invariant of the ledger, its chain, and its length.
async fn is_sound(db: &Db, checks: usize, tally: Tally) -> Result<bool, Failed> {
    let began = Instant::now();
    let mut sound = true;
    for check in galen_securepay::CHECKS.iter().take(checks) {
        let wrong: Vec<String> = sqlx::query_scalar(check.sql).fetch_all(db.pool()).await?;
        for line in wrong.iter().take(5) {
            sound = false;
            println!("  WRONG: {}: {line}", check.name);
        }
    }
    if let Some(first) = writer::verify(db, Shard(0)).await? {
        sound = false;
        println!("  WRONG: the chain is broken at {first}");
    }
    let postings: i64 = sqlx::query_scalar("select count(*) from posting")
        .fetch_one(db.pool())
        .await?;
    let stored = u64::try_from(postings)?;
    if !(tally.done..=tally.done + tally.unknown).contains(&stored) {
        sound = false;
        println!("  WRONG: {} were acknowledged", tally.done);
    }
    let verdict = if sound { "sound" } else { "WRONG" };
    println!(
        "  {postings} postings are {verdict}: all that were acknowledged, no others; sums, folds of every account, chain ({} s)",
        began.elapsed().as_secs()
    );
    Ok(sound)
}

fn print(what: &str, accounts: u32, callers: usize, measured: &Measured, batches: Option<u64>) {
    let millis = |micros: u64| format!("{}.{:02}", micros / 1000, micros % 1000 / 10);
    let at = |quantile: f64| millis(measured.latency.value_at_quantile(quantile));
    let (batches, each) = match batches {
        Some(batches) => (
            batches.to_string(),
            (measured.answers / batches.max(1)).to_string(),
        ),
        None => ("-".to_owned(), "1".to_owned()),
    };
    println!(
        "{what:<10} {accounts:>8} {callers:>8} {:>11} {:>9} {:>9} {:>9} {:>9} {:>7} {batches:>8} {each:>9}",
        measured.rate(),
        at(0.5),
        at(0.95),
        at(0.99),
        millis(measured.latency.max()),
        measured.errors,
    );
    if let Some(error) = &measured.first_error {
        println!("  first error: {error}");
    }
}
