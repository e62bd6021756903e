//! `galen projections`: read models of a running hospital, through its API, because
//! only the process that serves a read model can swap it.

use std::process::ExitCode;

use galen_client::Client;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::cli::{Projections, ProjectionsCommand};

/// Lists or rebuilds.
///
/// # Errors
/// When the hospital cannot be reached or refuses.
pub(crate) async fn run(options: Projections) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let password = options
        .password
        .ok_or("--password or GALEN_ADMIN_PASSWORD is missing")?;
    let client = Client::new(&options.url)?;
    client
        .login(&options.username, password.expose_secret())
        .await?;
    match options.command {
        ProjectionsCommand::List => {
            let page: Value = client.get("/api/v1/ops/projections").await?.success()?;
            println!(
                "{:<34} {:>8} {:>10} REBUILDING",
                "PROJECTION", "EVENTS", "AGE MS"
            );
            for one in page["items"].as_array().into_iter().flatten() {
                println!(
                    "{:<34} {:>8} {:>10} {}",
                    one["name"].as_str().unwrap_or_default(),
                    one["events"],
                    one["ageMs"],
                    one["rebuilding"]
                );
            }
        }
        ProjectionsCommand::Rebuild { name } => {
            let path = format!("/api/v1/ops/projections/{name}/rebuild");
            let view: Value = client.post(&path, &json!({})).await?.success()?;
            match view["replayed"].as_u64() {
                Some(events) => println!("{name} is rebuilt from {events} events"),
                None => println!("{name} is being rebuilt; galen projections list tells when"),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
