//! `galen ledger`: whether the books agree with themselves.

use std::error::Error;
use std::process::ExitCode;

use galen_securepay::SecurePay;
use galen_securepay::trial_balance::{self, Book};
use galen_securepay::writer::{self, Shard};
use galen_service::Service as _;
use galen_storage::Db;
use serde::Serialize;
use sqlx::AssertSqlSafe;

use crate::cli::{Ledger, LedgerReport};
use crate::hospital::Opened;

/// Shown per invariant.
const SHOWN: usize = 20;

/// Does what was asked.
///
/// # Errors
/// When the database cannot be reached.
pub(crate) async fn run(command: Ledger) -> Result<ExitCode, Box<dyn Error>> {
    let (options, verifies) = match command {
        Ledger::TrialBalance(options) => (options, false),
        Ledger::Verify(options) => (options, true),
    };
    let opened = Opened::open(&options.database).await?;
    let done = report(&opened, &options, verifies).await;
    opened.close().await?;
    Ok(if done? {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

async fn report(
    opened: &Opened,
    options: &LedgerReport,
    verifies: bool,
) -> Result<bool, Box<dyn Error>> {
    let db = opened.databases().open(SecurePay::NAME, 2).await?;
    if verifies {
        let report = verify(&db).await?;
        if options.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print!("{}", report.text());
        }
        Ok(report.holds())
    } else {
        let books = trial_balance::read(db.pool()).await?;
        if options.json {
            println!("{}", serde_json::to_string_pretty(&books)?);
        } else {
            for book in &books {
                print!("{}", table(book));
            }
            if books.is_empty() {
                println!("There are no books yet.");
            }
        }
        Ok(books.iter().all(Book::balances))
    }
}

/// One currency's books, as bookkeepers read them.
fn table(book: &Book) -> String {
    let mut text = format!(
        "{:<16} {:>10} {:>22} {:>22} {:>22}\n",
        book.currency.code(),
        "accounts",
        "debits",
        "credits",
        "balance"
    );
    let mut line = |name: &str, accounts: i64, side: [String; 3]| {
        let [debits, credits, balance] = side;
        text.push_str(&format!(
            "{name:<16} {accounts:>10} {debits:>22} {credits:>22} {balance:>22}\n"
        ));
    };
    for row in &book.rows {
        let amounts = [&row.debits, &row.credits, &row.balance].map(ToString::to_string);
        line(&row.kind, row.accounts, amounts);
    }
    let total = &book.total;
    let amounts = [&total.debits, &total.credits, &total.balance].map(ToString::to_string);
    line("", total.accounts, amounts);
    let verdict = if book.balances() {
        "Debits and credits are equal."
    } else {
        "BROKEN: debits and credits are not equal."
    };
    format!("{text}{verdict}\n")
}

/// What recomputing the ledger found.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    /// Postings that were read.
    postings: i64,
    /// Links of the chain that were recomputed.
    batches: i64,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Finding {
    invariant: &'static str,
    /// The first of what is wrong; empty when it holds.
    broken: Vec<String>,
}

impl Report {
    fn holds(&self) -> bool {
        self.findings.iter().all(|found| found.broken.is_empty())
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for Finding { invariant, broken } in &self.findings {
            let mark = if broken.is_empty() {
                "ok    "
            } else {
                "BROKEN"
            };
            text.push_str(&format!("{mark} {invariant}\n"));
            for what in broken {
                text.push_str(&format!("       {what}\n"));
            }
        }
        let broken = self.findings.iter().filter(|f| !f.broken.is_empty());
        text.push_str(&format!(
            "{} postings in {} batches; {} findings\n",
            self.postings,
            self.batches,
            broken.count()
        ));
        text
    }
}

/// Recomputes the chain from the postings, and totals, balances and holds with it.
async fn verify(db: &Db) -> Result<Report, Box<dyn Error>> {
    let mut findings = Vec::new();
    for check in SecurePay::checks() {
        let mut broken: Vec<String> = sqlx::query_scalar(AssertSqlSafe(check.sql))
            .fetch_all(db.pool())
            .await?;
        broken.truncate(SHOWN);
        findings.push(Finding {
            invariant: check.name,
            broken,
        });
    }
    findings.push(Finding {
        invariant: "no posting was changed, removed, moved or put in between",
        broken: chain(db).await?,
    });
    let count = |sql: &'static str| sqlx::query_scalar(sql).fetch_one(db.pool());
    Ok(Report {
        postings: count("select count(*) from posting").await?,
        batches: count("select count(*) from batch").await?,
        findings,
    })
}

async fn chain(db: &Db) -> Result<Vec<String>, Box<dyn Error>> {
    let shards: Vec<i16> = sqlx::query_scalar("select shard from head order by shard")
        .fetch_all(db.pool())
        .await?;
    let mut broken = Vec::new();
    for shard in shards {
        if let Some(first) = writer::verify(db, Shard(shard)).await? {
            broken.push(format!(
                "shard {shard}: the batch that begins at {first} is not what its link says"
            ));
        }
    }
    Ok(broken)
}
