//! `galen keys`: the keys of what is sealed, on a running or stopped hospital.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use galen_storage::Db;
use galen_vault::reseal::{self, Outdated};
use galen_vault::{MasterKeys, SealedColumn, Vault, rotate};
use serde::Serialize;

use crate::cli::{Keys, ListKeys, ResealKeys, RotateKeys};
use crate::hospital::{self, Opened};
use crate::operator;
use crate::progress::Progress;

/// Does what was asked.
///
/// # Errors
/// When the database or the master keys cannot be used.
pub(crate) async fn run(command: Keys) -> Result<ExitCode, Box<dyn Error>> {
    let database = match &command {
        Keys::List(options) => &options.database,
        Keys::Rotate(options) => &options.database,
        Keys::Reseal(options) => &options.database,
    };
    let opened = Opened::open(database).await?;
    let done = async {
        let masters = hospital::masters(database, opened.databases()).await?;
        let schemas = schemas(&opened).await?;
        match &command {
            Keys::List(options) => list(options, &*masters, &schemas).await,
            Keys::Rotate(options) => {
                operator::announce(opened.databases(), "galen keys rotate", None).await?;
                replace_master(options, &*masters, &schemas).await
            }
            Keys::Reseal(options) => {
                operator::announce(opened.databases(), "galen keys reseal", None).await?;
                replace_data_keys(options, &masters, &schemas).await
            }
        }
    };
    let done = done.await;
    opened.close().await?;
    done.map(|()| ExitCode::SUCCESS)
}

/// A schema and what is sealed in it.
struct Schema {
    db: Db,
    columns: Vec<SealedColumn>,
}

async fn schemas(opened: &Opened) -> Result<Vec<Schema>, Box<dyn Error>> {
    let mut schemas = Vec::new();
    for (service, columns) in hospital::host().sealed() {
        schemas.push(Schema {
            db: opened.databases().open(service, 2).await?,
            columns: columns.clone(),
        });
    }
    Ok(schemas)
}

/// What `galen keys list` says.
#[derive(Serialize)]
struct Listed {
    /// Where the masters are kept.
    masters_in: String,
    masters: Vec<Master>,
    columns: Vec<Column>,
}

#[derive(Serialize)]
struct Master {
    id: String,
    /// Whether new data keys are wrapped by it.
    in_use: bool,
    /// Whether it is where it should be.
    present: bool,
    /// Data keys that it wraps.
    data_keys: Vec<PerSchema>,
}

#[derive(Serialize)]
struct PerSchema {
    schema: &'static str,
    count: i64,
}

#[derive(Serialize)]
struct Column {
    name: String,
    values: i64,
    /// Those that an older data key of their subject seals.
    outdated: i64,
}

async fn list(
    options: &ListKeys,
    masters: &dyn MasterKeys,
    schemas: &[Schema],
) -> Result<(), Box<dyn Error>> {
    let known = masters.ids().await?;
    let mut listed = Listed {
        masters_in: masters.whereabouts(),
        masters: known
            .iter()
            .map(|id| Master {
                id: id.to_string(),
                in_use: known.last() == Some(id),
                present: true,
                data_keys: Vec::new(),
            })
            .collect(),
        columns: Vec::new(),
    };
    for Schema { db, columns } in schemas {
        let schema = db.service();
        for (id, count) in rotate::usage(db).await? {
            let at = listed.masters.iter().position(|m| m.id == id.as_str());
            let at = at.unwrap_or_else(|| {
                listed.masters.push(Master {
                    id: id.to_string(),
                    in_use: false,
                    present: false,
                    data_keys: Vec::new(),
                });
                listed.masters.len() - 1
            });
            listed.masters[at]
                .data_keys
                .push(PerSchema { schema, count });
        }
        for column in columns {
            let Outdated { values, outdated } = reseal::outdated(db, column).await?;
            listed.columns.push(Column {
                name: column.place.to_string(),
                values,
                outdated,
            });
        }
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&listed)?);
    } else {
        print(&listed);
    }
    Ok(())
}

fn print(listed: &Listed) {
    println!("master keys in {}", listed.masters_in);
    println!("{:<20} {:<8} DATA KEYS", "MASTER", "STATE");
    for master in &listed.masters {
        let state = match (master.present, master.in_use) {
            (false, _) => "MISSING",
            (true, true) => "in use",
            (true, false) => "kept",
        };
        let keys: Vec<String> = master
            .data_keys
            .iter()
            .map(|PerSchema { schema, count }| format!("{schema} {count}"))
            .collect();
        println!("{:<20} {state:<8} {}", master.id, keys.join(", "));
    }
    println!(
        "\n{:<44} {:>10} {:>10}",
        "SEALED COLUMN", "VALUES", "OUTDATED"
    );
    for column in &listed.columns {
        println!(
            "{:<44} {:>10} {:>10}",
            column.name, column.values, column.outdated
        );
    }
}

async fn replace_master(
    options: &RotateKeys,
    masters: &dyn MasterKeys,
    schemas: &[Schema],
) -> Result<(), Box<dyn Error>> {
    let mut waiting = under_others(masters, schemas).await?;
    let new = if waiting > 0 {
        let new = masters.ids().await?.pop().ok_or("there is no master")?;
        println!("going on with an interrupted replacement: {waiting} data keys are left");
        new
    } else {
        let new = masters.rotate().await?;
        waiting = under_others(masters, schemas).await?;
        new
    };
    let mut before = 0;
    let bar = Progress::bar(
        "data keys",
        u64::try_from(waiting).unwrap_or_default(),
        options.quiet,
    );
    for Schema { db, .. } in schemas {
        before += rotate::rewrap(db, masters, |done| bar.reach(before + done)).await?;
    }
    bar.finish();
    println!("{before} data keys are wrapped by the new master {new}");
    if options.keep_old {
        println!("the old master is kept; the next replacement forgets it");
        return Ok(());
    }
    let dbs: Vec<Db> = schemas.iter().map(|schema| schema.db.clone()).collect();
    for old in rotate::forget_unused(&dbs, masters).await? {
        println!("master {old} is forgotten");
    }
    println!("keep a copy of {} from now", masters.whereabouts());
    Ok(())
}

/// Data keys that another master than the one in use wraps.
async fn under_others(
    masters: &dyn MasterKeys,
    schemas: &[Schema],
) -> Result<i64, galen_vault::Error> {
    let ids = masters.ids().await?;
    let mut waiting = 0;
    for Schema { db, .. } in schemas {
        for (master, keys) in rotate::usage(db).await? {
            if ids.last() != Some(&master) {
                waiting += keys;
            }
        }
    }
    Ok(waiting)
}

async fn replace_data_keys(
    options: &ResealKeys,
    masters: &Arc<dyn MasterKeys>,
    schemas: &[Schema],
) -> Result<(), Box<dyn Error>> {
    let mut left = 0;
    for Schema { db, columns } in schemas {
        let vault = Vault::open(db, Arc::clone(masters)).await?;
        if !options.resume {
            let subjects = u64::try_from(reseal::subjects(db).await?).unwrap_or_default();
            let bar = Progress::bar("data keys", subjects, options.quiet);
            let renewed = reseal::renew(db, &vault, |done| bar.reach(done)).await?;
            bar.finish();
            println!("{}: {renewed} subjects have new data keys", db.service());
        }
        for column in columns {
            let values = reseal::outdated(db, column).await?.outdated;
            let bar = Progress::bar(
                "values",
                u64::try_from(values).unwrap_or_default(),
                options.quiet,
            );
            let sealed = reseal::reseal(db, &vault, column, |done| bar.reach(done)).await?;
            bar.finish();
            println!("{}: {sealed} values are sealed anew", column.place);
            left += reseal::outdated(db, column).await?.outdated;
        }
        vault.close().await;
    }
    if left > 0 {
        println!(
            "{left} values were sealed meanwhile with keys that a running hospital remembers for a minute; galen keys reseal --resume finishes them"
        );
    }
    Ok(())
}
