//! `galen demo`: a hospital that works before your eyes, and stays.

mod day;
mod money;
mod process;

use std::process::ExitCode;

use galen_client::{Client, ClientError};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::{Database, Demo, Verify};
use crate::latency::Latencies;
use crate::{import, verify};

/// Starts, fills, plays, verifies; or stops.
///
/// # Errors
/// When any of it fails.
pub(crate) async fn run(options: Demo) -> Result<ExitCode, Box<dyn std::error::Error>> {
    if options.stop {
        return process::stop(&options.data_dir);
    }
    let base = process::start(&options).await?;
    let password = process::admin_password(&options.data_dir)?;
    let admin = Client::new(&base)?;
    admin.login("admin", &password).await?;

    let began = Timestamp::now();
    let latencies = Latencies::default();
    println!("importing {} into {base}", list(&options.bundles));
    let report = import::run(&admin, &options.bundles, &latencies, false).await?;
    print!("{report}");
    roster(&admin).await?;

    // Accounts are made by whoever logged in lately; an import may take longer.
    admin.login("admin", &password).await?;
    let staff = day::Staff::hire(&admin).await?;
    let mut played = day::Played::default();
    for day in 1..=options.days {
        println!(
            "playing day {day} of {}: {} journeys",
            options.days, options.journeys
        );
        played.add(day::play(&staff, options.journeys, &latencies).await?);
    }
    println!("following the money of a visit");
    let story = money::play(&admin, &staff).await?;
    println!("\nwhat happened in {:.0}", Timestamp::now() - began);
    print!("{played}");
    println!("\nwhat became of the money");
    print!("{story}");
    println!("\nhow long it took");
    print!("{latencies}");

    println!("\ngalen verify");
    let database = Database {
        data_dir: options.data_dir.clone(),
        database_url: None,
        postgres_bin: None,
        vault_keys: None,
    };
    let verdict = verify::run(Verify {
        database,
        json: false,
    })
    .await?;
    println!("\nthe hospital is running");
    println!("  address        {base}   (OpenAPI: {base}/openapi.json)");
    println!(
        "  health         http://{}/health/ready",
        options.ops_listen
    );
    println!("  administrator  admin");
    println!("  password       {password}");
    println!(
        "  mails          {}",
        options.data_dir.join("notifications/mail").display()
    );
    println!(
        "  stop it with   galen demo --stop --data-dir {}",
        options.data_dir.display()
    );
    Ok(verdict)
}

/// What should have happened and did not, with what was seen instead.
fn missing(what: &str, seen: &Value) -> ClientError {
    ClientError::Refused {
        status: http::StatusCode::OK,
        problem: Some(Box::new(galen_client::Problem {
            status: 0,
            code: "NOT_SO".to_owned(),
            title: format!("not as it should be: {what}"),
            detail: Some(seen.to_string()),
            errors: Vec::new(),
            trace_id: None,
        })),
    }
}

fn list(files: &[std::path::PathBuf]) -> String {
    files
        .iter()
        .map(|file| file.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Gives every practitioner without a pattern a week: days in the clinic, nights too,
/// so that a demo at any hour finds somebody.
async fn roster(admin: &Client) -> Result<(), Box<dyn std::error::Error>> {
    let week = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let mut planned = 0;
    let mut cursor = String::new();
    loop {
        let page: Value = admin
            .get(&format!(
                "/api/v1/practitioners?active=true&limit=200{cursor}"
            ))
            .await?
            .success()?;
        for practitioner in page["items"].as_array().into_iter().flatten() {
            let path = format!(
                "/api/v1/practitioners/{}/shift-patterns",
                practitioner["id"].as_str().unwrap_or_default()
            );
            let known: Value = admin.get(&path).await?.success()?;
            if known["items"]
                .as_array()
                .is_some_and(|patterns| !patterns.is_empty())
            {
                continue;
            }
            for (start, end, kind) in [("08:00", "20:00", "CLINIC"), ("20:00", "08:00", "NIGHT")] {
                let from = today.yesterday()?;
                let body = json!({ "weekdays": week, "startTime": start, "endTime": end, "kind": kind, "validFrom": from });
                admin.post(&path, &body).await?.check()?;
            }
            planned += 1;
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    println!("  {:<14} {planned:>6} practitioners", "rosters");
    Ok(())
}
