//! `galen bench`: load on a running hospital, with checked answers.

mod booking;
mod doctor_options;
mod ledger;
mod load;
mod seed;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use galen_client::Client;
use secrecy::ExposeSecret as _;

pub(crate) use self::booking::ROUNDS;
use self::load::Measured;
use crate::cli::{Bench, BenchWorkload};

/// Seeds what a workload needs, runs it at each number of clients, prints a line each.
///
/// # Errors
/// When the hospital cannot be reached or seeded.
pub(crate) async fn run(options: Bench) -> Result<ExitCode, Box<dyn std::error::Error>> {
    if options.workload == BenchWorkload::Ledger {
        return ledger::run(&options).await;
    }
    let client = Client::new(&options.url)?;
    let password = options.password.as_ref();
    let password = password.ok_or("this needs a running hospital, and --password")?;
    client
        .login(&options.username, password.expose_secret())
        .await?;
    let token = client.token().await.ok_or("no token")?;
    let address: SocketAddr = options
        .url
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .parse()?;
    let lasting = Duration::from_secs(options.seconds);
    let seed = seed::sow(&client, &options).await?;
    if options.clients.len() + usize::from(options.round) > usize::from(ROUNDS) {
        return Err(format!("an afternoon has room for {ROUNDS} rounds").into());
    }
    let mut failed = false;
    println!(
        "{:<16} {:>8} {:>10} {:>9} {:>9} {:>9} {:>9} {:>7}",
        "workload", "clients", "answers/s", "p50 ms", "p95 ms", "p99 ms", "max ms", "errors"
    );
    for (round, &clients) in (options.round..).zip(&options.clients) {
        let measured = match options.workload {
            BenchWorkload::DoctorOptions => {
                load::run(
                    address,
                    doctor_options::workload(&options.url, &token, &seed),
                    clients,
                    options.rate,
                    lasting,
                )
                .await
            }
            BenchWorkload::Booking => {
                load::run(
                    address,
                    booking::workload(&options.url, &token, &seed, round),
                    clients,
                    options.rate,
                    lasting,
                )
                .await
            }
            BenchWorkload::Ledger => continue,
        };
        print(options.workload, clients, &measured);
        failed |= measured.errors > 0;
    }
    Ok(if failed {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}

fn print(workload: BenchWorkload, clients: usize, measured: &Measured) {
    let millis = |micros: u64| format!("{}.{:02}", micros / 1000, micros % 1000 / 10);
    let at = |quantile: f64| millis(measured.latency.value_at_quantile(quantile));
    let name = match workload {
        BenchWorkload::DoctorOptions => "doctor-options",
        BenchWorkload::Booking => "booking",
        BenchWorkload::Ledger => "ledger",
    };
    println!(
        "{name:<16} {clients:>8} {:>10} {:>9} {:>9} {:>9} {:>9} {:>7}",
        measured.rate(),
        at(0.5),
        at(0.95),
        at(0.99),
        millis(measured.latency.max()),
        measured.errors
    );
    if let Some(error) = &measured.first_error {
        println!("  first error: {error}");
    }
}
