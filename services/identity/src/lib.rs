//! Identity: accounts, logins, tokens.
//!
//! **Owns** accounts (schema `identity`), their passwords (argon2id), the roles that
//! the hospital makes, and sessions; authenticators (their secrets sealed) with backup
//! codes; the public halves of passkeys; the keys that sign access tokens; the links
//! that let somebody choose a password or log in; and who of the hospital's directory
//! has which account.
//!
//! **Offers** registration, login with growing pauses after failures and a second
//! factor for who wants one, login with a passkey, showing again who one is before
//! dangerous things, refresh tokens that work once and end their session when used
//! twice, sessions whose access tokens are refused from the moment they end, logins
//! for other applications (OpenID Connect), the administration of accounts and of
//! those applications, the public keys, and over gRPC the minting of links.
//!
//! **Hears** from `patients` that somebody was registered (an account is made and a
//! link mailed, or the account they registered with is linked), that records were
//! merged or a merge undone. The end of a record does not end its account: the
//! person may still read it.
//!
//! **Says** that an account exists or changed, that a link is wanted, that a token
//! was used twice, that sessions ended. Nothing it says, logs or prints holds a
//! password, a token, a code or an address; of tokens and backup codes only hashes are
//! stored.
//!
//! **Schedules** the rotation of keys and the forgetting of what has ended.

mod account;
mod attempt;
mod client;
mod directory;
mod jobs;
mod link;
mod merge;
mod mfa;
mod passkey;
mod password;
mod problems;
mod provider;
mod reactions;
mod role;
mod rpc;
mod secret;
mod session;
mod signing;

use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};

use galen_access::revocation::REMEMBERED;
use galen_eventing::subscription;
use galen_kernel::Timestamp;
use galen_service::{
    Check, Config, ConfigError, Job, Platform, ProblemPage, Service, Setting, StartError,
};
use galen_storage::{Db, SchemaSpec, migrations};
use galen_vault::{SealedColumn, Vault};
use jiff::SignedDuration;
use tonic::service::Routes;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::account::first_administrator;
use crate::passkey::{RelyingParty, relying_party};
use crate::password::Hasher;
use crate::signing::{Keyring, keyring};

const PUBLIC_URL: &str = "identity.public_url";
const KEY_ROTATION_DAYS: &str = "identity.key_rotation_days";
const PASSWORD_QUEUE: &str = "identity.password_queue";

/// The identity service.
pub struct Identity {
    db: Db,
    hasher: Hasher,
    keyring: Arc<Keyring>,
    public_url: String,
    directory: Option<directory::Provider>,
    vault: Vault,
    /// `None` where passkeys are not possible.
    relying_party: Option<RelyingParty>,
}

impl Service for Identity {
    const NAME: &'static str = "identity";
    const SCHEMA: SchemaSpec = SchemaSpec {
        service: Self::NAME,
        migrations: migrations![
            "0001_account",
            "0002_session",
            "0003_credential_link",
            "0004_signing_key",
            "0005_login_attempt",
            "0006_merge_effect",
            "0007_custom_role",
            "0008_authentication",
            "0009_second_factor",
            "0010_passkey",
            "0011_oauth_client",
            "0012_login_link",
            "0013_directory",
            "0014_familiar_place",
            "0015_signing_key_sealed",
        ],
        subscribes: &["patients"],
    };

    fn problems() -> &'static [ProblemPage] {
        problems::PAGES
    }

    fn settings() -> &'static [Setting] {
        &SETTINGS
    }

    async fn start(platform: Platform) -> Result<Self, StartError> {
        let public_url = public_url(&platform.config)?;
        let directory = directory::open(&platform.config, &public_url, &platform.clock)?;
        let relying_party = RelyingParty::of(&platform.config, &public_url)?;
        let rotation = rotation(&platform.config)?;
        let queue = platform.config.get_or(PASSWORD_QUEUE, 256)?;
        let seats = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let hasher = Hasher::new(seats, queue)
            .await
            .map_err(|e| start_error("trying the password hash", e))?;
        let keyring = Keyring::open(
            platform.db.clone(),
            platform.vault.clone(),
            platform.keys.clone(),
            rotation,
        )
        .await
        .map_err(|e| start_error("opening the signing keys", e))?;
        remember_ended(&platform).await?;
        first_administrator::ensure(&platform, &hasher).await?;
        let keyring = Arc::new(keyring);
        keyring::follow(&keyring);
        Ok(Self {
            db: platform.db,
            hasher,
            keyring,
            public_url,
            directory,
            vault: platform.vault,
            relying_party,
        })
    }

    fn rest(self: &Arc<Self>) -> OpenApiRouter {
        OpenApiRouter::new()
            .routes(routes!(account::register::register))
            .routes(routes!(session::log_in::log_in))
            .routes(routes!(session::refresh::refresh))
            .routes(routes!(session::log_out::log_out))
            .routes(routes!(link::forgot::forgot))
            .routes(routes!(link::redeem::set))
            .routes(routes!(link::redeem::reset))
            .routes(routes!(link::ask::ask))
            .routes(routes!(link::consume::consume))
            .routes(routes!(directory::show::show))
            .routes(routes!(directory::start::start))
            .routes(routes!(directory::callback::complete))
            .routes(routes!(directory::link::link, directory::link::unlink))
            .routes(routes!(account::me::me))
            .routes(routes!(session::step_up::step_up))
            .routes(routes!(session::list::list, session::end::end_others))
            .routes(routes!(session::end::end))
            .routes(routes!(mfa::show::show))
            .routes(routes!(mfa::enrol::enrol, mfa::remove::remove))
            .routes(routes!(mfa::confirm::confirm))
            .routes(routes!(mfa::renew_backup_codes::renew))
            .routes(routes!(mfa::reset::reset))
            .routes(routes!(passkey::register::options))
            .routes(routes!(passkey::register::verify))
            .routes(routes!(passkey::log_in::options))
            .routes(routes!(passkey::log_in::verify))
            .routes(routes!(passkey::list::list))
            .routes(routes!(passkey::remove::remove))
            .routes(routes!(signing::jwks::jwks))
            .routes(routes!(account::list::list, account::create::create))
            .routes(routes!(account::get::get, account::change::change))
            .routes(routes!(role::list::list, role::create::create))
            .routes(routes!(role::change::change))
            .routes(routes!(client::list::list, client::create::create))
            .routes(routes!(
                client::get::get,
                client::change::change,
                client::delete::delete
            ))
            .with_state(Arc::clone(self))
    }

    fn well_known(self: &Arc<Self>) -> axum::Router {
        signing::jwks::well_known(Arc::clone(self)).merge(provider::routes(Arc::clone(self)))
    }

    fn rpc(self: &Arc<Self>) -> Option<Routes> {
        Some(rpc::routes(self))
    }

    fn subscriptions(self: &Arc<Self>) -> Vec<subscription::Definition> {
        vec![reactions::provisioning()]
    }

    fn jobs(self: &Arc<Self>) -> Vec<Job> {
        jobs::all(self)
    }

    fn sealed() -> &'static [SealedColumn] {
        &[mfa::store::SEALED, signing::store::SEALED]
    }

    fn checks() -> &'static [Check] {
        CHECKS
    }
}

static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| [directory::SETTINGS, OWN].concat());

const OWN: &[Setting] = &[
    Setting {
        key: first_administrator::USERNAME,
        doc: "login name of the first administrator; admin",
        secret: false,
    },
    Setting {
        key: first_administrator::PASSWORD,
        doc: "their password, used only while nobody has the role; made up and written to a file",
        secret: true,
    },
    Setting {
        key: PUBLIC_URL,
        doc: "where people and applications reach Galen: in links in messages, and the issuer of logins for other applications; http://127.0.0.1:8080",
        secret: false,
    },
    Setting {
        key: relying_party::DOMAIN,
        doc: "the domain that passkeys are bound to, for good; the host of the public URL",
        secret: false,
    },
    Setting {
        key: KEY_ROTATION_DAYS,
        doc: "how many days a key signs access tokens; 30",
        secret: false,
    },
    Setting {
        key: PASSWORD_QUEUE,
        doc: "how many logins may wait for their password to be hashed; 256",
        secret: false,
    },
];

const CHECKS: &[Check] = &[
    Check {
        name: "somebody can administer",
        sql: "select 'no account is an unlocked administrator with a password'
              where not exists (select from account
                                where 'ADMIN' = any (roles) and lock_reason is null and password_hash is not null)",
    },
    Check {
        name: "every role of an account exists",
        sql: "select 'account ' || a.id || ' has role ' || given.name
              from account a, unnest(a.roles) as given (name)
              where given.name not in ('ADMIN', 'RECEPTIONIST', 'DOCTOR', 'NURSE', 'LAB_TECHNICIAN', 'PHARMACIST',
                                       'BILLING', 'OPERATOR', 'AUDITOR', 'PATIENT')
                and not exists (select from custom_role r where r.name = given.name)",
    },
    Check {
        name: "no patient has two accounts",
        sql: "select 'patient ' || patient_id || ' has ' || count(*) || ' accounts'
              from account where patient_id is not null group by patient_id having count(*) > 1",
    },
    Check {
        name: "a session has one refresh token that works",
        sql: "select 'session ' || session_id || ' has ' || count(*) || ' usable tokens'
              from refresh_token where used_at is null group by session_id having count(*) > 1",
    },
    Check {
        name: "no account has more passkeys than it may",
        sql: "select 'account ' || account_id || ' has ' || count(*) || ' passkeys'
              from passkey group by account_id having count(*) > 20",
    },
    Check {
        name: "no locked account has a living session",
        sql: "select 'session ' || s.id || ' of locked account ' || a.id || ' lives'
              from session s join account a on a.id = s.account_id
              where a.lock_reason is not null and s.revoked_at is null and s.expires_at > now()",
    },
    Check {
        name: "no disabled client has a living session",
        sql: "select 'session ' || s.id || ' of disabled client ' || c.id || ' lives'
              from session s join oauth_client c on c.id = s.client_id
              where not c.enabled and s.revoked_at is null and s.expires_at > now()",
    },
    Check {
        name: "only clients that may act for their users do",
        sql: "select 'session ' || s.id || ' of client ' || c.id || ' reaches the API'
              from session s join oauth_client c on c.id = s.client_id
              where not c.api_access and 'galen' = any (s.scopes) and s.revoked_at is null and s.expires_at > now()",
    },
    Check {
        name: "who has backup codes has an authenticator in use",
        sql: "select distinct 'account ' || c.account_id || ' has backup codes without an authenticator in use'
              from backup_code c join totp t using (account_id) where t.confirmed_at is null",
    },
    Check {
        name: "exactly one key signs",
        sql: "select count(*) || ' current signing keys' from signing_key where state = 'CURRENT' having count(*) <> 1",
    },
];

/// Tokens of sessions that were ended before this start are refused after it.
async fn remember_ended(platform: &Platform) -> Result<(), StartError> {
    let now = platform.clock.now();
    let since = now.saturating_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
    for (session, at) in session::store::ended_since(platform.db.pool(), since).await? {
        platform.keys.ended().end([session], at, now);
    }
    Ok(())
}

fn public_url(config: &Config) -> Result<String, ConfigError> {
    let url = config.get_or(PUBLIC_URL, "http://127.0.0.1:8080".to_owned())?;
    let refuse = |reason: &str| {
        Err(ConfigError::Invalid {
            key: PUBLIC_URL.to_owned(),
            reason: reason.to_owned(),
        })
    };
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return refuse("must begin with http:// or https://");
    }
    if url.contains(['?', '#']) {
        return refuse("must have neither a query nor a fragment");
    }
    Ok(url.trim_end_matches('/').to_owned())
}

fn rotation(config: &Config) -> Result<SignedDuration, ConfigError> {
    match config.get_or::<u16>(KEY_ROTATION_DAYS, 30)? {
        0 => Err(ConfigError::Invalid {
            key: KEY_ROTATION_DAYS.to_owned(),
            reason: "must be at least 1".to_owned(),
        }),
        days => Ok(SignedDuration::from_hours(24 * i64::from(days))),
    }
}

fn start_error(what: &str, source: impl std::error::Error + Send + Sync + 'static) -> StartError {
    StartError::Other {
        what: what.to_owned(),
        source: Box::new(source),
    }
}
