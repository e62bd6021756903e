//! A hospital with an identity service, an administrator, and somebody who
//! registers patients.

use std::collections::BTreeMap;
use std::sync::Arc;

use galen_contracts::Event;
use galen_contracts::identity::v1::MintCredentialLinkRequest;
use galen_contracts::identity::v1::MintCredentialLinkResponse;
use galen_contracts::identity::v1::accounts_client::AccountsClient;
use galen_contracts::registry;
use galen_eventing::{Backbone, Publish as _};
use galen_identity::Identity;
use galen_kernel::Clock;
use galen_service::testing::{self, Reply, TestApi, TestCaller};
use galen_service::{Config, Peers, Platform, SHARED_MIGRATIONS, Service};
use galen_storage::{Db, SchemaSpec};
use galen_testkit::TestDatabase;
use http::StatusCode;
use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, Row as _};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The administrator's password.
pub(crate) const ADMIN_PASSWORD: &str = "an administrator's pass phrase";
/// Everybody else's.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

const PATIENTS: SchemaSpec = SchemaSpec {
    service: "patients",
    migrations: &[],
    subscribes: &["identity"],
};

/// A hospital.
pub(crate) struct Hospital {
    pub(crate) database: TestDatabase,
    pub(crate) clock: Clock,
    pub(crate) platform: Platform,
    pub(crate) identity: Arc<Identity>,
    pub(crate) api: TestApi,
    patients: Db,
    curtain: PgPool,
}

/// A pair of tokens.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// An event as it was published.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) name: String,
    pub(crate) data: Value,
}

impl Hospital {
    /// Opens it with the administrator `admin`.
    pub(crate) async fn open() -> Self {
        Self::open_with(&[("identity.admin_password", ADMIN_PASSWORD)]).await
    }

    /// Opens it with these settings.
    pub(crate) async fn open_with(settings: &[(&str, &str)]) -> Self {
        let clock = Clock::manual("2031-03-03T08:00:00Z".parse().expect("an instant"));
        let database = TestDatabase::new(
            galen_eventing::MIGRATIONS,
            SHARED_MIGRATIONS,
            &[Identity::SCHEMA, PATIENTS],
            clock.clone(),
        )
        .await;
        let db = database.open("identity").await;
        let mut platform = testing::platform(db, clock.clone(), Peers::default());
        platform.config = config(settings);
        let identity = Arc::new(
            Identity::start(platform.clone())
                .await
                .expect("identity starts"),
        );
        let api = TestApi::new(identity.rest(), &platform);
        let patients = database.open("patients").await;
        let curtain = PgPoolOptions::new()
            .max_connections(2)
            .connect_with(database.admin())
            .await
            .expect("the superuser logs in");
        Self {
            database,
            clock,
            platform,
            identity,
            api,
            patients,
            curtain,
        }
    }

    /// Another process of the same hospital, with its own key set.
    pub(crate) async fn another_process(
        &self,
        settings: &[(&str, &str)],
    ) -> (Platform, Result<Identity, galen_service::StartError>) {
        let db = self.database.open("identity").await;
        let mut platform = testing::platform(db, self.clock.clone(), Peers::default());
        platform.config = config(settings);
        let identity = Identity::start(platform.clone()).await;
        (platform, identity)
    }

    /// Whoever has this access token.
    pub(crate) fn holder_of(&self, tokens: &Tokens) -> TestCaller {
        self.api.with_token(&tokens.access)
    }

    /// What the access token says of whom.
    pub(crate) fn principal_of(&self, tokens: &Tokens) -> galen_access::Principal {
        self.platform
            .keys
            .verify(&tokens.access, self.clock.now())
            .expect("a token of this hospital")
    }

    pub(crate) async fn try_log_in(&self, username: &str, password: &str) -> Reply {
        self.api
            .anonymous()
            .post(
                "/auth/login",
                json!({ "username": username, "password": password }),
            )
            .await
    }

    /// Tries from an address.
    pub(crate) async fn try_from(&self, address: &str, username: &str, password: &str) -> Reply {
        let body = json!({ "username": username, "password": password });
        let from = address.parse().expect("an address");
        self.api
            .anonymous()
            .from(from)
            .post("/auth/login", body)
            .await
    }

    pub(crate) async fn log_in(&self, username: &str, password: &str) -> Tokens {
        tokens(&self.try_log_in(username, password).await, StatusCode::OK)
    }

    pub(crate) async fn admin(&self) -> TestCaller {
        self.holder_of(&self.log_in("admin", ADMIN_PASSWORD).await)
    }

    pub(crate) async fn register(&self, username: &str) -> Tokens {
        let reply = self
            .api
            .anonymous()
            .post(
                "/auth/register",
                json!({ "username": username, "password": PASSWORD }),
            )
            .await;
        tokens(&reply, StatusCode::CREATED)
    }

    pub(crate) async fn refresh(&self, token: &str) -> Reply {
        self.api
            .anonymous()
            .post("/auth/refresh", json!({ "refreshToken": token }))
            .await
    }

    /// The account of whoever has this access token.
    pub(crate) async fn me(&self, tokens: &Tokens) -> Value {
        let reply = self.holder_of(tokens).get("/auth/me").await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        reply.body
    }

    /// Makes a colleague with a password; returns their account.
    pub(crate) async fn hire(&self, admin: &TestCaller, username: &str, roles: &[&str]) -> Value {
        let reply = admin
            .post(
                "/users",
                json!({ "username": username, "password": PASSWORD, "roles": roles }),
            )
            .await;
        assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
        reply.body
    }

    /// The patients service says something, and identity has heard it.
    pub(crate) async fn patients_say<E: Event>(&self, event: &E) {
        let mut tx = self.patients.begin().await.expect("a transaction");
        tx.publish(event);
        tx.commit().await.expect("published");
        self.hear().await;
    }

    /// Lets identity hear everything that was said.
    async fn hear(&self) {
        let mut backbone = Backbone::new(self.database.open_events().await, self.database.wake());
        for subscription in self.identity.subscriptions() {
            backbone.subscribe(&self.platform.db, subscription);
        }
        let stop = CancellationToken::new();
        let running = backbone.run(stop.clone());
        running.settle().await.expect("everything is heard");
        stop.cancel();
        running.stopped().await;
    }

    /// Everything that identity has published, oldest first.
    pub(crate) async fn published(&self) -> Vec<Published> {
        let rows = sqlx::query(
            "select e.type, e.data from events.event e join events.topic t on t.id = e.topic
             where t.name = 'identity' order by e.seq",
        )
        .fetch_all(&self.curtain)
        .await
        .expect("events are read");
        rows.iter()
            .map(|row| {
                let name: String = row.get("type");
                let data = registry::to_json(&name, row.get("data")).expect("a known event");
                Published { name, data }
            })
            .collect()
    }

    /// What was published of one type.
    pub(crate) async fn published_of<E: Event>(&self) -> Vec<Value> {
        let published = self.published().await;
        published
            .into_iter()
            .filter(|event| event.name == E::TYPE.name)
            .map(|event| event.data)
            .collect()
    }

    /// Mints the link, as the notifications service does before it sends a mail.
    pub(crate) async fn mint(
        &self,
        link_id: &str,
    ) -> Result<MintCredentialLinkResponse, tonic::Status> {
        let routes = self.identity.rpc().expect("identity answers");
        let peers = Peers::in_memory([("identity", routes)]);
        let mut client = AccountsClient::new(peers.channel("identity"));
        let request = MintCredentialLinkRequest {
            link_id: link_id.to_owned(),
        };
        client
            .mint_credential_link(request)
            .await
            .map(tonic::Response::into_inner)
    }

    /// Mints a link that works, and returns the secret of its fragment.
    pub(crate) async fn minted_secret(&self, link_id: &str) -> String {
        let link = self.mint(link_id).await.expect("a link that is open");
        let (_, secret) = link
            .url
            .split_once("#token=")
            .expect("the secret is in the fragment");
        secret.to_owned()
    }

    /// Chooses a password.
    pub(crate) async fn redeem(&self, path: &str, secret: &str, password: &str) -> Reply {
        self.api
            .anonymous()
            .post(path, json!({ "token": secret, "newPassword": password }))
            .await
    }

    /// What the superuser sees.
    pub(crate) const fn behind_the_curtain(&self) -> &PgPool {
        &self.curtain
    }

    /// Runs a job now; returns how much it did.
    pub(crate) async fn run_job(&self, name: &str) -> u64 {
        let jobs = self.identity.jobs();
        let job = jobs
            .iter()
            .find(|job| job.name() == name)
            .expect("a job of this name");
        job.run_once().await.expect("the job succeeds")
    }

    /// What `galen verify` would complain about.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for check in Identity::checks() {
            let rows = sqlx::query(check.sql)
                .fetch_all(self.platform.db.pool())
                .await
                .expect("the check runs");
            complaints.extend(rows.iter().map(|row| row.get::<String, _>(0)));
        }
        complaints
    }
}

fn config(settings: &[(&str, &str)]) -> Config {
    let values: BTreeMap<_, _> = settings
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    Config::from_values(values)
}

/// The tokens of an answer.
pub(crate) fn tokens(reply: &Reply, expected: StatusCode) -> Tokens {
    assert_eq!(reply.status, expected, "{:?}", reply.body);
    let text = |name: &str| reply.body[name].as_str().expect("a token").to_owned();
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.body["tokenType"], "Bearer");
    assert_eq!(reply.body["expiresIn"], 900);
    Tokens {
        access: text("accessToken"),
        refresh: text("refreshToken"),
    }
}

/// A new id as text.
pub(crate) fn new_id(hospital: &Hospital) -> String {
    hospital.clock.uuid().to_string()
}

/// An id that names nothing.
pub(crate) fn nowhere() -> Uuid {
    Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0000)
}
