//! The ledger alone: transfers in this process, on a durable PostgreSQL of their own that
//! is thrown away; beside them the same rows by plain SQL, one transaction each.
//!
//! Every answer is checked when it comes, and afterwards the whole ledger: sums, folds
//! of every account, the chain.

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

use self::place::Place;
use super::load::{self, Measured};
use crate::cli::Bench;

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
    for &accounts in &options.accounts {
        let place = Place::open(accounts, options.commit_millis).await?;
        let stopping = CancellationToken::new();
        let ledger = Ledger::start(&place.db, Shard(0), Mode::Exclusive, stopping.clone());
        fill(&ledger, accounts).await?;
        for &callers in &options.clients {
            let before = place.batches().await?;
            let measured = transfers(&ledger, accounts, callers, length).await;
            let batches = place.batches().await? - before;
            failed |= measured.errors > 0;
            print("ledger", accounts, callers, &measured, Some(batches));
        }
        for &callers in &options.clients {
            if callers <= CONNECTIONS {
                let measured = plain::transfers(&place, accounts, callers, length).await?;
                failed |= measured.errors > 0;
                print("plain SQL", accounts, callers, &measured, None);
            }
        }
        failed |= !is_sound(&place.db).await?;
        stopping.cancel();
        place.close().await?;
    }
    Ok(if failed {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
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

/// Every invariant of the ledger, and its chain.
async fn is_sound(db: &Db) -> Result<bool, Failed> {
    let began = Instant::now();
    let mut sound = true;
    for check in galen_securepay::CHECKS.iter().take(place::LEDGER_CHECKS) {
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
    let verdict = if sound { "sound" } else { "WRONG" };
    println!(
        "  {postings} postings are {verdict}: sums, folds of every account, chain ({} s)",
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
