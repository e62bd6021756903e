//! A durable PostgreSQL with nothing but accounts, thrown away afterwards.

use std::path::PathBuf;

use galen_kernel::Clock;
use galen_securepay::SecurePay;
use galen_service::{SHARED_MIGRATIONS, Service as _};
use galen_storage::cluster::ClusterOptions;
use galen_storage::{Access, Cluster, Databases, Db};
use sqlx::{AssertSqlSafe, PgPool};

use super::{CONNECTIONS, Failed};

/// The checks of the ledger itself come first.
pub(super) const LEDGER_CHECKS: usize = 8;

pub(super) struct Place {
    cluster: Cluster,
    dir: PathBuf,
    pub(super) db: Db,
}

impl Place {
    /// With so many accounts beside the world's; every commit of a batch takes so much
    /// longer.
    pub(super) async fn open(accounts: u32, commit_millis: u32) -> Result<Self, Failed> {
        let dir = directory()?;
        let cluster = Cluster::start(ClusterOptions {
            dir: dir.clone(),
            fsync: true,
            bin: None,
        })
        .await?;
        let access = Access::from_file(cluster.admin(), &dir.join("database.secret"))?;
        let databases = Databases::provision(
            access,
            galen_eventing::MIGRATIONS,
            SHARED_MIGRATIONS,
            &[SecurePay::SCHEMA],
            Clock::system(),
        )
        .await?;
        let connections = u32::try_from(CONNECTIONS)? + 4;
        let db = databases.open("securepay", connections).await?;
        let admin = PgPool::connect_with(cluster.admin()).await?;
        // What is posted row by row has tables of its own with the same indexes.
        sqlx::raw_sql(AssertSqlSafe(format!(
            "set search_path = securepay, public;
             insert into ledger (currency, shard) values ('EUR', 0) on conflict do nothing;
             insert into account (ledger_id, limits)
             select id, least(n, 1) from ledger, generate_series(0, {accounts}) n where currency = 'EUR' order by n;
             create table plain_account (like account including all);
             create table plain_posting (like posting including all);
             insert into plain_account overriding system value
             select id, ledger_id, limits, standing, 0, 0, 0, {}, 0 from account;
             grant all on plain_account, plain_posting to galen_securepay;",
            super::FUNDS
        )))
        .execute(&admin)
        .await?;
        // On its own: several statements in one message are one transaction.
        sqlx::raw_sql("vacuum analyze").execute(&admin).await?;
        for table in ["batch", "plain_posting"] {
            slow_down(&admin, table, commit_millis).await?;
        }
        admin.close().await;
        Ok(Self { cluster, dir, db })
    }

    pub(super) async fn close(self) -> Result<(), Failed> {
        self.db.pool().close().await;
        self.cluster.stop().await?;
        std::fs::remove_dir_all(&self.dir)?;
        Ok(())
    }
}

/// A directory that nobody else has.
pub(super) fn directory() -> Result<PathBuf, Failed> {
    let name = format!("galen-bench-{}", uuid::Uuid::now_v7().simple());
    let dir = std::env::temp_dir().join(name);
    std::fs::create_dir(&dir)?;
    Ok(dir)
}

/// Makes every commit that has rows for a table of SecurePay's so much longer.
pub(super) async fn slow_down(
    admin: &PgPool,
    table: &'static str,
    commit_millis: u32,
) -> Result<(), Failed> {
    if commit_millis == 0 {
        return Ok(());
    }
    sqlx::raw_sql(AssertSqlSafe(format!(
        "create or replace function securepay.slowly() returns trigger language plpgsql as $$
         begin perform pg_sleep({commit_millis} / 1000.0); return null; end $$;
         create constraint trigger slowly after insert on securepay.{table} deferrable initially deferred
         for each row execute function securepay.slowly();"
    )))
    .execute(admin)
    .await?;
    Ok(())
}

/// What it is measured on, and how.
pub(super) fn describe(commit_millis: u32) {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_once(':'));
        value.map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    println!(
        "{cores} cores of {}, {}, {}",
        field(&read("/proc/cpuinfo"), "model name"),
        field(&read("/proc/meminfo"), "MemTotal"),
        read("/proc/sys/kernel/osrelease").trim(),
    );
    println!(
        "{} build; callers, writer and PostgreSQL on this machine; fsync on, synchronous_commit on{}; load before {}",
        if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        },
        match commit_millis {
            0 => String::new(),
            millis => format!(", {millis} ms added to every commit"),
        },
        read("/proc/loadavg").trim(),
    );
}
