//! `galen events`: the operator's view of the backbone, without a running hospital.

use std::process::ExitCode;

use galen_eventing::Operations;
use galen_eventing::operations::DeadLetterFilter;

use crate::cli::{Events, Letters};
use crate::{hospital, operator};

/// Rows fetched at a time.
const PAGE: u16 = 200;

/// Runs one of the commands.
///
/// # Errors
/// When the database cannot be reached.
pub(crate) async fn run(command: Events) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match command {
        Events::Lag { database } => {
            let open = hospital::Opened::open(&database).await?;
            let (waiting, age) = open.operations().unsequenced().await?;
            println!("{waiting} events without an offset, the oldest {age} ms old");
            println!(
                "{:<34} {:<14} {:>8} {:>10} {:>8} {:>6}",
                "SUBSCRIPTION", "TOPIC", "EVENTS", "AGE MS", "PARKED", "DEAD"
            );
            for lag in open.operations().lag().await? {
                println!(
                    "{:<34} {:<14} {:>8} {:>10} {:>8} {:>6}",
                    lag.group, lag.topic, lag.events, lag.age_ms, lag.parked_keys, lag.dead
                );
            }
            open.close().await?;
        }
        Events::DeadLetters(letters) => {
            let open = hospital::Opened::open(&letters.database).await?;
            let found = matching(open.operations(), &filter(&letters)).await?;
            println!(
                "{:>8} {:<34} {:<52} {:>8} {:<22} {:>8}",
                "ID", "SUBSCRIPTION", "TYPE", "ATTEMPTS", "CLASS", "BLOCKED"
            );
            for letter in &found {
                let class = letter.error_class.as_deref().unwrap_or("");
                println!(
                    "{:>8} {:<34} {:<52} {:>8} {class:<22} {:>8}",
                    letter.id,
                    letter.group,
                    letter.event_type,
                    letter.attempts,
                    letter.blocked_behind
                );
            }
            open.close().await?;
        }
        Events::Show { database, id } => {
            let open = hospital::Opened::open(&database).await?;
            let letter = open.operations().dead_letter(id).await?;
            open.close().await?;
            let Some(letter) = letter else {
                eprintln!("there is no dead letter {id}");
                return Ok(ExitCode::from(1));
            };
            println!("{}", serde_json::to_string_pretty(&letter)?);
        }
        Events::Redrive {
            letters,
            id,
            dry_run,
        } => {
            let open = hospital::Opened::open(&letters.database).await?;
            let filter = filter(&letters);
            if dry_run {
                let found = matching(open.operations(), &filter).await?;
                println!(
                    "{} dead letters match",
                    found
                        .iter()
                        .filter(|letter| id.is_empty() || id.contains(&letter.id))
                        .count()
                );
            } else {
                let ids = (!id.is_empty()).then_some(id.as_slice());
                let one = match ids {
                    Some([one]) => one.to_string(),
                    Some(some) => format!("{} of them", some.len()),
                    None => "all that match".to_owned(),
                };
                let subject = Some(("dead-letters", one.as_str()));
                operator::announce(open.databases(), "galen events redrive", subject).await?;
                let redriven = open
                    .operations()
                    .redrive(&filter, ids, "command line")
                    .await?;
                println!("{redriven} dead letters are tried again");
            }
            open.close().await?;
        }
        Events::Discard {
            database,
            id,
            reason,
        } => {
            let open = hospital::Opened::open(&database).await?;
            let letter = id.to_string();
            let subject = Some(("dead-letters", letter.as_str()));
            operator::announce(open.databases(), "galen events discard", subject).await?;
            let discarded = open
                .operations()
                .discard(id, "command line", &reason)
                .await?;
            open.close().await?;
            if !discarded {
                eprintln!("there is no dead letter {id}");
                return Ok(ExitCode::from(1));
            }
            println!("discarded {id}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn filter(letters: &Letters) -> DeadLetterFilter {
    DeadLetterFilter {
        group: letters.group.clone(),
        event_type: letters.event_type.clone(),
        error_class: letters.class.clone(),
        key: letters.key.clone(),
    }
}

async fn matching(
    operations: &Operations,
    filter: &DeadLetterFilter,
) -> Result<Vec<galen_eventing::operations::DeadLetter>, galen_storage::Error> {
    let mut found = Vec::new();
    loop {
        let after = found
            .last()
            .map_or(0, |letter: &galen_eventing::operations::DeadLetter| {
                letter.id
            });
        let page = operations.dead_letters(filter, after, PAGE).await?;
        let last = page.len() < usize::from(PAGE);
        found.extend(page);
        if last {
            return Ok(found);
        }
    }
}
