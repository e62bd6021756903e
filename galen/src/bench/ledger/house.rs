//! A whole hospital in this process, on a data directory of its own that is thrown away:
//! its REST API and its gRPC on loopback, its doors locked as they are in `galen up`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use galen_client::Client;
use galen_contracts::securepay::v1::account_service_client::AccountServiceClient;
use galen_contracts::securepay::v1::{
    AccountKind, Money, OpenAccountRequest, PostRequest, Transfer,
};
use galen_kernel::Clock;
use galen_service::host::RunningHost;
use galen_service::{Config, HostOptions};
use galen_storage::{Cluster, Db};
use serde_json::json;
use sqlx::PgPool;
use tonic::transport::Channel;
use uuid::Uuid;

use super::{FUNDS, Failed, place};
use crate::cli::Database;
use crate::hospital::{self, Opened};

/// Who makes the first account.
const ADMIN: &str = "admin";
/// Transfers in one request, as many as there may be.
const TOGETHER: usize = 100;
/// Clients come from one address, and each has a connection.
const CONNECTIONS: usize = 4_096;
/// How long the hospital may take to tell others of what was paid.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) struct House {
    opened: Opened,
    running: RunningHost,
    dir: PathBuf,
    /// SecurePay's own.
    pub(super) db: Db,
    /// What everybody calls the wallets.
    pub(super) wallets: Vec<Uuid>,
    /// Somebody who keeps the books, and may pay from every wallet.
    pub(super) token: String,
}

impl House {
    /// With so many wallets, each with funds.
    pub(super) async fn open(wallets: u32, commit_millis: u32) -> Result<Self, Failed> {
        let dir = place::directory()?;
        let database = Database {
            data_dir: dir.clone(),
            database_url: None,
            postgres_bin: None,
            vault_keys: None,
        };
        let opened = Opened::exclusively(&database).await?;
        let masters = hospital::masters(&database, opened.databases()).await?;
        let password = Uuid::new_v4().to_string();
        let settings = BTreeMap::from([
            ("gateway.limits".to_owned(), "off".to_owned()),
            ("identity.admin_username".to_owned(), ADMIN.to_owned()),
            ("identity.admin_password".to_owned(), password.clone()),
        ]);
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let options = HostOptions {
            listen: here,
            tls: None,
            redirect_listen: None,
            connections_per_address: CONNECTIONS,
            ops_listen: here,
            grpc_listen: Some(here),
            peers: BTreeMap::new(),
            zone: "UTC".to_owned(),
            data_dir: dir.clone(),
            masters,
            drain: Duration::from_secs(10),
            pool: 16,
        };
        let running = hospital::host()
            .exclusive()
            .run(
                opened.databases(),
                options,
                Config::from_values(settings),
                Clock::system(),
            )
            .await?;
        let db = opened.databases().open("securepay", 4).await?;
        let token = clerk(&running, &password).await?;
        let mut house = Self {
            opened,
            running,
            dir,
            db,
            wallets: Vec::new(),
            token,
        };
        house.wallets = house.fill(wallets, commit_millis).await?;
        Ok(house)
    }

    /// Where the REST API is.
    pub(super) const fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// A connection of one's own to everything that services ask each other.
    pub(super) async fn channel(&self) -> Result<Channel, Failed> {
        let address = self.running.grpc_address.ok_or("gRPC is not served")?;
        let endpoint = Channel::from_shared(format!("http://{address}"))?;
        Ok(endpoint.tcp_nodelay(true).connect().await?)
    }

    /// Opens wallets behind the API's back, as if that many patients had come, and has the
    /// bank pay into each of them.
    async fn fill(&self, wallets: u32, commit_millis: u32) -> Result<Vec<Uuid>, Failed> {
        let mut accounts = AccountServiceClient::new(self.channel().await?);
        let bank = OpenAccountRequest {
            kind: AccountKind::Bank.into(),
            owner_id: String::new(),
            currency: "EUR".to_owned(),
        };
        let bank = accounts.open_account(bank).await?.into_inner();
        let bank = bank.account.ok_or("no account")?.account_id;
        let opened: Vec<Uuid> = sqlx::query_scalar(
            "with info as (
                 insert into account_info (id, public_id, kind, owner_kind, owner_id, currency, opened_at)
                 select nextval('account_id_seq'), gen_random_uuid(), 'WALLET', 'PATIENT', gen_random_uuid(), 'EUR', now()
                 from generate_series(1, $1)
                 returning id, public_id
             ), account as (
                 insert into account (id, ledger_id, limits)
                 overriding system value
                 select info.id, ledger.id, 1 from info, ledger where currency = 'EUR'
             )
             select public_id from info",
        )
        .bind(i32::try_from(wallets)?)
        .fetch_all(self.db.pool())
        .await?;
        for some in opened.chunks(TOGETHER) {
            let transfers = some.iter().map(|wallet| Transfer {
                transfer_id: Uuid::now_v7().to_string(),
                debit_account_id: bank.clone(),
                credit_account_id: wallet.to_string(),
                amount: Some(Money {
                    minor: FUNDS,
                    currency: "EUR".to_owned(),
                }),
                reference_id: String::new(),
            });
            let transfers = transfers.collect();
            accounts.post(PostRequest { transfers }).await?;
        }
        let admin = Cluster::running(&self.dir)?.ok_or("no hospital runs here")?;
        let admin = PgPool::connect_with(admin).await?;
        sqlx::raw_sql("vacuum (analyze) securepay.account, securepay.account_info")
            .execute(&admin)
            .await?;
        place::slow_down(&admin, "batch", commit_millis).await?;
        admin.close().await;
        Ok(opened)
    }

    /// Waits until others were told of everything that was paid; says how long that took.
    pub(super) async fn told(&self) -> Result<Duration, Failed> {
        let began = std::time::Instant::now();
        while began.elapsed() < PATIENCE {
            let told: bool = sqlx::query_scalar(
                "select a.told >= h.last from announcer a join head h using (shard) where shard = 0",
            )
            .fetch_one(self.db.pool())
            .await?;
            if told {
                return Ok(began.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err("others were not told of what was paid".into())
    }

    pub(super) async fn close(self) -> Result<(), Failed> {
        self.db.pool().close().await;
        self.running.shutdown().await;
        self.opened.close().await?;
        std::fs::remove_dir_all(&self.dir)?;
        Ok(())
    }
}

/// The token of somebody who keeps the books.
async fn clerk(running: &RunningHost, password: &str) -> Result<String, Failed> {
    let admin = Client::new(&format!("http://{}", running.address))?;
    admin.login(ADMIN, password).await?;
    let own = Uuid::new_v4().to_string();
    let account = json!({ "username": "bench-clerk", "password": own, "roles": ["BILLING"] });
    admin.post("/api/v1/users", &account).await?.check()?;
    let clerk = admin.anonymous();
    clerk.login("bench-clerk", &own).await?;
    Ok(clerk.token().await.ok_or("no token")?)
}
