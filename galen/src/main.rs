//! `galen`: a hospital's operational core in one binary.

mod access;
mod audit;
mod bench;
mod cli;
mod config_file;
mod demo;
mod events;
mod hospital;
mod import;
mod keys;
mod latency;
mod ledger;
mod operator;
mod progress;
mod projections;
mod psql;
mod up;
mod verify;

use std::process::ExitCode;

use cli::{Cli, Command, Import};
use secrecy::ExposeSecret as _;

/// Requests allocate much and shortly, on all threads at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match config_file::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("galen: the runtime does not start: {error}");
            return ExitCode::from(1);
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("galen: {}", chain(error.as_ref()));
            ExitCode::from(1)
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match cli.command {
        Command::Up(options) => up::run(options).await,
        Command::Demo(options) => demo::run(options).await,
        Command::Import(Import::Fhir(options)) => {
            let client = galen_client::Client::new(&options.url)?;
            client
                .login(&options.username, options.password.expose_secret())
                .await?;
            let latencies = latency::Latencies::default();
            let report = import::run(&client, &options.files, &latencies, options.quiet).await?;
            println!("{report}{latencies}");
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify(options) => verify::run(options).await,
        Command::Audit(command) => audit::run(command).await,
        Command::Ledger(command) => ledger::run(command).await,
        Command::Events(command) => events::run(command).await,
        Command::Keys(command) => keys::run(command).await,
        Command::Access(cli::Access::Explain(options)) => access::explain(options).await,
        Command::Projections(options) => projections::run(options).await,
        Command::Bench(options) => bench::run(options).await,
        Command::Psql(options) => psql::run(&options).await,
        Command::Openapi { url } => {
            let reply = galen_client::Client::new(&url)?
                .get("/openapi.json")
                .await?;
            reply.check()?;
            println!("{}", String::from_utf8_lossy(&reply.body));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
