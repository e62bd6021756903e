//! The command line: `galen --help` is its manual.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use secrecy::SecretString;

/// A hospital's operational core in one binary.
#[derive(Debug, Parser)]
#[command(name = "galen", version, about, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done · 1 an invariant is broken, or the work failed · 2 wrong usage or configuration";

/// What Galen can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole hospital in this process, on a private PostgreSQL cluster
    Up(Up),
    /// Start a hospital, import synthetic people, play a day, verify, leave it running
    Demo(Demo),
    /// Bring data in through the public API
    #[command(subcommand)]
    Import(Import),
    /// Check every invariant of a running or stopped hospital
    Verify(Verify),
    /// Who did what, and whether anybody changed it afterwards
    #[command(subcommand)]
    Audit(Audit),
    /// The books: what was debited and credited, and whether anybody changed it
    #[command(subcommand)]
    Ledger(Ledger),
    /// See and replace the keys of what is sealed in the database
    #[command(subcommand)]
    Keys(Keys),
    /// See and repair what the event backbone could not deliver
    #[command(subcommand)]
    Events(Events),
    /// Say who may what, and by which policy
    #[command(subcommand)]
    Access(Access),
    /// See read models of a running hospital, and rebuild one from the log
    Projections(Projections),
    /// Measure a running hospital
    Bench(Bench),
    /// Run psql, or another tool of PostgreSQL, on the private cluster as its superuser
    Psql(Psql),
    /// Print the OpenAPI 3.1 document of a running hospital
    Openapi {
        /// Where it is
        #[arg(
            long,
            env = "GALEN_URL",
            default_value = "http://127.0.0.1:8080",
            value_name = "URL"
        )]
        url: String,
    },
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchWorkload {
    /// Who is free at a time: pages of fifty, checked
    DoctorOptions,
    /// Bookings of free slots
    Booking,
    /// Transfers and payments, on a PostgreSQL of their own; needs no hospital
    Ledger,
}

/// How the ledger is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LedgerPath {
    /// Transfers in this process; beside them the same rows by plain SQL
    Process,
    /// Payments over gRPC on loopback, in a hospital of its own
    Grpc,
    /// Payments through the REST API on loopback, in a hospital of its own
    Rest,
}

/// Options of `galen psql`.
#[derive(Debug, Args)]
pub(crate) struct Psql {
    /// The hospital's files
    #[arg(
        long,
        env = "GALEN_DATA_DIR",
        default_value = "./galen-data",
        value_name = "DIR"
    )]
    pub(crate) data_dir: PathBuf,
    /// Log in as this service, which sees its own schema only; as the superuser
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// Which tool: psql, pg_dump, pgbench, …
    #[arg(long, default_value = "psql", value_name = "PROGRAM")]
    pub(crate) tool: String,
    /// Its arguments
    #[arg(last = true)]
    pub(crate) args: Vec<String>,
}

/// Options of `galen bench`.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// What to measure
    pub(crate) workload: BenchWorkload,
    /// Where the hospital is
    #[arg(
        long,
        env = "GALEN_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    pub(crate) url: String,
    /// Its data directory: the agenda is filled directly
    #[arg(
        long,
        env = "GALEN_DATA_DIR",
        default_value = "./galen-data",
        value_name = "DIR"
    )]
    pub(crate) data_dir: PathBuf,
    /// Who asks
    #[arg(
        long,
        env = "GALEN_ADMIN_USERNAME",
        default_value = "admin",
        value_name = "NAME"
    )]
    pub(crate) username: String,
    /// Their password
    #[arg(
        long,
        env = "GALEN_ADMIN_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true
    )]
    pub(crate) password: Option<SecretString>,
    /// Numbers of clients, one run each
    #[arg(long, value_delimiter = ',', default_value = "10,50,200")]
    pub(crate) clients: Vec<usize>,
    /// First round of bookings, a part of every afternoon; each run takes the next one, so that none wants what another has booked
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(..i64::from(crate::bench::ROUNDS)), value_name = "N")]
    pub(crate) round: u8,
    /// Requests a second, all clients together; as fast as they are answered without it
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<u32>,
    /// Seconds a run
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: u64,
    /// Doctors with shifts round the clock
    #[arg(long, default_value_t = 1000)]
    pub(crate) doctors: usize,
    /// Bookings in the agenda before the first run
    #[arg(long, default_value_t = 100_000)]
    pub(crate) bookings: usize,
    /// Numbers of accounts of the ledger
    #[arg(long, value_delimiter = ',', default_value = "2,50,1000,100000", value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) accounts: Vec<u32>,
    /// How the ledger is reached
    #[arg(long, value_delimiter = ',', default_value = "process")]
    pub(crate) through: Vec<LedgerPath>,
    /// Without plain SQL beside the ledger
    #[arg(long)]
    pub(crate) alone: bool,
    /// Transfers after which a run of the ledger ends, if its seconds are not over before
    #[arg(long, value_name = "N")]
    pub(crate) transfers: Option<u64>,
    /// Milliseconds that are added to every commit of the ledger
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) commit_millis: u32,
}

/// Which database.
#[derive(Debug, Clone, Args)]
pub(crate) struct Database {
    /// Where the hospital keeps its files, and its private PostgreSQL cluster
    #[arg(
        long,
        env = "GALEN_DATA_DIR",
        default_value = "./galen-data",
        value_name = "DIR"
    )]
    pub(crate) data_dir: PathBuf,
    /// An existing PostgreSQL instead of the private cluster; the user must be able to create roles and schemas
    #[arg(
        long,
        env = "GALEN_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub(crate) database_url: Option<SecretString>,
    /// Directory of PostgreSQL's server binaries, when it is not found by itself
    #[arg(long, env = "GALEN_POSTGRES_BIN", value_name = "DIR")]
    pub(crate) postgres_bin: Option<PathBuf>,
    /// The master keys of what is sealed in the database, made at the first start; `vault-keys` in the data directory without it. Losing the file loses everything sealed
    #[arg(long, env = "GALEN_VAULT_KEYS", value_name = "FILE")]
    pub(crate) vault_keys: Option<PathBuf>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For a terminal
    Human,
    /// One JSON object a line
    Json,
}

/// A switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// On
    On,
    /// Off
    Off,
}

/// Options of `galen up`.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The database.
    #[command(flatten)]
    pub(crate) database: Database,
    /// Public address: REST, OpenAPI, live stream
    #[arg(
        long,
        env = "GALEN_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS"
    )]
    pub(crate) listen: SocketAddr,
    /// Certificate chain in PEM: the public address is then reached by https only; replaced files are noticed
    #[arg(long, env = "GALEN_TLS_CERT", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key in PEM
    #[arg(long, env = "GALEN_TLS_KEY", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Address where plain HTTP is sent to https, at the port of `--listen`; nothing else is served there
    #[arg(long, env = "GALEN_HTTP_REDIRECT_LISTEN", value_name = "ADDRESS")]
    pub(crate) http_redirect_listen: Option<SocketAddr>,
    /// Connections of one client at a time; behind a proxy, which is one client, as many as all people need
    #[arg(
        long,
        env = "GALEN_CONNECTIONS_PER_ADDRESS",
        default_value = "1024",
        value_name = "N"
    )]
    pub(crate) connections_per_address: NonZeroUsize,
    /// Private address: health, metrics
    #[arg(
        long,
        env = "GALEN_OPS_LISTEN",
        default_value = "127.0.0.1:9090",
        value_name = "ADDRESS"
    )]
    pub(crate) ops_listen: SocketAddr,
    /// TOML: these options as keys (`ops_listen = "…"`), and a table of settings per service; flags win over the environment (`GALEN_<SERVICE>_<KEY>`), and that over the file
    #[arg(long, env = "GALEN_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Rate limits of the public edge
    #[arg(long, env = "GALEN_LIMITS", default_value = "on")]
    pub(crate) limits: Switch,
    /// The hospital's time zone: shifts, days and texts are in it
    #[arg(long, env = "GALEN_ZONE", default_value = "UTC", value_name = "IANA")]
    pub(crate) zone: String,
    /// Login name of the first administrator, made when there is none
    #[arg(
        long,
        env = "GALEN_ADMIN_USERNAME",
        default_value = "admin",
        value_name = "NAME"
    )]
    pub(crate) admin_username: String,
    /// The first administrator's password; without it one is made and written to a file in the data directory
    #[arg(
        long,
        env = "GALEN_ADMIN_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true
    )]
    pub(crate) admin_password: Option<SecretString>,
    /// Connections per service's pool
    #[arg(long, env = "GALEN_POOL", default_value_t = 16, value_name = "N")]
    pub(crate) pool: u32,
    /// Seconds that requests under way get to finish when stopping
    #[arg(
        long,
        env = "GALEN_DRAIN_SECONDS",
        default_value_t = 10,
        value_name = "SECONDS"
    )]
    pub(crate) drain_seconds: u64,
    /// Logs and traces.
    #[command(flatten)]
    pub(crate) telemetry: Telemetry,
}

/// Logs and traces.
#[derive(Debug, Clone, Args)]
pub(crate) struct Telemetry {
    /// Look of log lines (standard error)
    #[arg(long, env = "GALEN_LOG_FORMAT", default_value = "human")]
    pub(crate) log_format: LogFormat,
    /// What to log, as a tracing filter
    #[arg(
        long,
        env = "GALEN_LOG",
        default_value = "info,sqlx=warn",
        value_name = "FILTER"
    )]
    pub(crate) log: String,
    /// OTLP endpoint (gRPC) to export traces to; off without it
    #[arg(long, env = "GALEN_OTLP_ENDPOINT", value_name = "URL")]
    pub(crate) otlp_endpoint: Option<String>,
}

/// Options of `galen demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The hospital's files
    #[arg(
        long,
        env = "GALEN_DATA_DIR",
        default_value = "./galen-data",
        value_name = "DIR"
    )]
    pub(crate) data_dir: PathBuf,
    /// Where it listens
    #[arg(
        long,
        env = "GALEN_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS"
    )]
    pub(crate) listen: SocketAddr,
    /// Health and metrics
    #[arg(
        long,
        env = "GALEN_OPS_LISTEN",
        default_value = "127.0.0.1:9090",
        value_name = "ADDRESS"
    )]
    pub(crate) ops_listen: SocketAddr,
    /// FHIR bundles to import
    #[arg(
        long,
        default_value = "tests/data/synthea/bundles.ndjson.gz",
        value_name = "FILE"
    )]
    pub(crate) bundles: Vec<PathBuf>,
    /// Days of journeys to play
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) days: u32,
    /// Journeys a day
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub(crate) journeys: u32,
    /// Stop the hospital that an earlier demo left running
    #[arg(long)]
    pub(crate) stop: bool,
}

/// Options of `galen projections`.
#[derive(Debug, Args)]
pub(crate) struct Projections {
    /// Where the hospital is
    #[arg(
        long,
        global = true,
        env = "GALEN_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    pub(crate) url: String,
    /// Who asks
    #[arg(
        long,
        global = true,
        env = "GALEN_ADMIN_USERNAME",
        default_value = "admin",
        value_name = "NAME"
    )]
    pub(crate) username: String,
    /// Their password
    #[arg(
        long,
        global = true,
        env = "GALEN_ADMIN_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true
    )]
    pub(crate) password: Option<SecretString>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: ProjectionsCommand,
}

/// What can be done with projections.
#[derive(Debug, Subcommand)]
pub(crate) enum ProjectionsCommand {
    /// All of them, and how far they are behind
    List,
    /// Replay the log into a new one beside the present one, and swap
    Rebuild {
        /// As listed
        name: String,
    },
}

/// What can be imported.
#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// FHIR R4 bundles: a bundle, or NDJSON with one a line; plain or .gz. Repeating it finds what is there
    Fhir(ImportFhir),
}

/// Options of `galen import fhir`.
#[derive(Debug, Args)]
pub(crate) struct ImportFhir {
    /// Files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Where the hospital is
    #[arg(
        long,
        env = "GALEN_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    pub(crate) url: String,
    /// Who imports
    #[arg(
        long,
        env = "GALEN_ADMIN_USERNAME",
        default_value = "admin",
        value_name = "NAME"
    )]
    pub(crate) username: String,
    /// Their password
    #[arg(
        long,
        env = "GALEN_ADMIN_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true
    )]
    pub(crate) password: SecretString,
    /// No progress display
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// Options of `galen verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The database.
    #[command(flatten)]
    pub(crate) database: Database,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What can be done with the audit log.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Recompute the log from its entries and compare it with every signed root
    Verify(VerifyAudit),
}

/// Options of `galen audit verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyAudit {
    /// The database.
    #[command(flatten)]
    pub(crate) database: Database,
    /// Signed roots that were kept elsewhere; those in the data directory
    #[arg(long, value_name = "FILE")]
    pub(crate) heads: Option<PathBuf>,
    /// The key of the roots; the one in the data directory
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What can be done with the ledger.
#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// What was debited and credited, by currency and kind of account
    TrialBalance(LedgerReport),
    /// Recompute totals, balances, holds and the chain from the postings
    Verify(LedgerReport),
}

/// Options of `galen ledger`.
#[derive(Debug, Args)]
pub(crate) struct LedgerReport {
    /// The database.
    #[command(flatten)]
    pub(crate) database: Database,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// The master keys, how many data keys each wraps, and what is sealed
    List(ListKeys),
    /// Replace the master key: a new one wraps every data key anew, then the old one is forgotten. Goes on with a replacement that was interrupted
    Rotate(RotateKeys),
    /// Replace the data keys, and seal anew what they sealed
    Reseal(ResealKeys),
}

/// Options of `galen keys list`.
#[derive(Debug, Args)]
pub(crate) struct ListKeys {
    /// The database.
    #[command(flatten)]
    pub(crate) database: Database,
    /// Print the list as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `galen keys rotate`.
#[derive(Debug, Args)]
pub(crate) struct RotateKeys {
    /// The database.
    #[command(flatten)]
    pub(crate) database: Database,
    /// Keep the old master, which opens older backups, until the next replacement
    #[arg(long)]
    pub(crate) keep_old: bool,
    /// No progress display
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// Options of `galen keys reseal`.
#[derive(Debug, Args)]
pub(crate) struct ResealKeys {
    /// The database.
    #[command(flatten)]
    pub(crate) database: Database,
    /// Make no new data keys: go on with what an earlier run has left
    #[arg(long)]
    pub(crate) resume: bool,
    /// No progress display
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// What can be asked about access.
#[derive(Debug, Subcommand)]
pub(crate) enum Access {
    /// Why an account may or may not do something, on a running or stopped hospital
    Explain(Explain),
}

/// Options of `galen access explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The database.
    #[command(flatten)]
    pub(crate) database: Database,
    /// Login name of the account
    #[arg(long, value_name = "NAME")]
    pub(crate) user: String,
    /// The permission: PATIENT_READ, RECORD_WRITE, …
    #[arg(long, value_name = "PERMISSION")]
    pub(crate) action: String,
    /// A patient's record, to be told whether it is within reach
    #[arg(long, value_name = "ID")]
    pub(crate) patient: Option<uuid::Uuid>,
    /// Print the answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which database, and which dead letters.
#[derive(Debug, Args)]
pub(crate) struct Letters {
    /// The database.
    #[command(flatten)]
    pub(crate) database: Database,
    /// Only of this subscription
    #[arg(long)]
    pub(crate) group: Option<String>,
    /// Only of this CloudEvents type
    #[arg(long = "type")]
    pub(crate) event_type: Option<String>,
    /// Only of this error class
    #[arg(long)]
    pub(crate) class: Option<String>,
    /// Only of this key
    #[arg(long)]
    pub(crate) key: Option<String>,
}

/// What can be done with events.
#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// How far every subscription is behind
    Lag {
        /// The database.
        #[command(flatten)]
        database: Database,
    },
    /// Dead letters and what waits behind them
    DeadLetters(Letters),
    /// One dead letter with its payload
    Show {
        /// The database.
        #[command(flatten)]
        database: Database,
        /// As listed
        id: i64,
    },
    /// Try dead letters again, in order
    Redrive {
        /// Which.
        #[command(flatten)]
        letters: Letters,
        /// As listed; without it, all that match
        id: Vec<i64>,
        /// Say how many match and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Give one dead letter up; what waits behind it goes on
    Discard {
        /// The database.
        #[command(flatten)]
        database: Database,
        /// As listed
        id: i64,
        /// Why; kept for the audit
        #[arg(long)]
        reason: String,
    },
}
