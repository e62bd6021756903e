//! `galen up`: the whole hospital in this process.

use std::process::ExitCode;
use std::time::Duration;

use galen_kernel::Clock;
use galen_service::host::TlsFiles;
use galen_service::{Config, HostOptions};
use galen_telemetry::{LogFormat, Telemetry, TelemetryOptions};
use secrecy::ExposeSecret as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{self, Switch, Up};
use crate::hospital::{self, Opened};

/// Runs until a signal asks it to stop.
///
/// # Errors
/// When anything it stands on does not start.
pub(crate) async fn run(options: Up) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let telemetry = telemetry(&options.telemetry)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let config = config(&options)?;
    let opened = Opened::exclusively(&options.database).await?;
    let masters = match hospital::masters(&options.database, opened.databases()).await {
        Ok(masters) => masters,
        Err(error) => {
            opened.close().await?;
            return Err(error);
        }
    };
    let host_options = HostOptions {
        listen: options.listen,
        ops_listen: options.ops_listen,
        tls: tls(&options),
        redirect_listen: options.http_redirect_listen,
        connections_per_address: options.connections_per_address.get(),
        grpc_listen: None,
        peers: std::collections::BTreeMap::new(),
        zone: options.zone.clone(),
        data_dir: options.database.data_dir.clone(),
        masters,
        drain: Duration::from_secs(options.drain_seconds),
        pool: options.pool,
    };
    let scheme = if host_options.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let mut host = hospital::host();
    if options.database.database_url.is_none() {
        // The private cluster serves whoever holds the data directory, which is us.
        host = host.exclusive();
    }
    let running = match host
        .run(opened.databases(), host_options, config, Clock::system())
        .await
    {
        Ok(running) => running,
        Err(error) => {
            opened.close().await?;
            return Err(error.into());
        }
    };
    println!("ready on {scheme}://{}", running.address);
    tracing::info!(address = %running.address, ops = %running.ops_address, "ready");
    let signal = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!(signal, "stopping");
    running.shutdown().await;
    opened.close().await?;
    tracing::info!("stopped");
    telemetry.shutdown();
    Ok(ExitCode::SUCCESS)
}

/// Both files are given or none: see `config_file`.
fn tls(options: &Up) -> Option<TlsFiles> {
    let (certificate, key) = (options.tls_cert.clone()?, options.tls_key.clone()?);
    Some(TlsFiles { certificate, key })
}

fn telemetry(options: &cli::Telemetry) -> Result<Telemetry, galen_telemetry::TelemetryError> {
    Telemetry::init(&TelemetryOptions {
        format: match options.log_format {
            cli::LogFormat::Human => LogFormat::Human,
            cli::LogFormat::Json => LogFormat::Json,
        },
        filter: options.log.clone(),
        otlp_endpoint: options.otlp_endpoint.clone(),
        service_name: "galen".to_owned(),
    })
}

/// Settings of the services: those of the command line, then the environment, then
/// the file.
fn config(options: &Up) -> Result<Config, Box<dyn std::error::Error>> {
    let limits = match options.limits {
        Switch::On => "on",
        Switch::Off => "off",
    };
    let mut flags = vec![
        ("gateway.limits".to_owned(), limits.to_owned()),
        (
            "identity.admin_username".to_owned(),
            options.admin_username.clone(),
        ),
    ];
    if let Some(password) = &options.admin_password {
        let password = password.expose_secret().to_owned();
        flags.push(("identity.admin_password".to_owned(), password));
    }
    Ok(Config::load(
        options.config.as_deref(),
        std::env::vars(),
        flags,
    )?)
}
