//! From somebody of the directory to a session of their account.

use galen_access::{Authentication, Method, RECENTLY};
use galen_contracts::identity::v1::{UserChanged, UserProvisioned};
use galen_contracts::ids::UserId;
use galen_eventing::Publish as _;
use galen_kernel::{Problem, Timestamp};
use galen_service::{Cx, Halt, Requires};
use galen_storage::{Error, Tx};
use jiff::SignedDuration;

use super::model::{Bond, Origin, Person, usernames};
use super::provider::{Provider, refused};
use super::store;
use crate::Identity;
use crate::account::{self, Account, RoleSet};
use crate::role::{self, RoleName};
use crate::session::device::Device;
use crate::session::ending::Ending;
use crate::session::open::{self, TokenAnswer};

/// Why somebody whom the directory knows does not get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum EnterError {
    /// They have no account here.
    #[error("nobody is known by this name of the directory")]
    Unknown,
    /// None of their groups gives a role.
    #[error("none of the groups gives a role")]
    NoRole,
    /// The account is locked.
    #[error("the account is locked")]
    Locked,
}

impl From<EnterError> for Problem {
    fn from(error: EnterError) -> Self {
        match error {
            EnterError::Unknown => Self::new(
                403,
                "DIRECTORY_IDENTITY_UNKNOWN",
                "The directory knows you, but you have no account here.",
            ),
            EnterError::NoRole => Self::new(
                403,
                "DIRECTORY_ROLE_MISSING",
                "None of your groups in the directory gives a role here.",
            ),
            EnterError::Locked => refused(),
        }
    }
}

/// Opens a session for somebody. Whoever has no account gets one, if that is wished and
/// their groups give a role; the roles of such an account are those of the groups, each
/// time.
pub(super) async fn enter<R: Requires>(
    s: &Identity,
    directory: &Provider,
    person: &Person,
    shown_at: Option<Timestamp>,
    device: &Device,
    cx: &Cx<R>,
) -> Result<TokenAnswer, Halt> {
    let now = cx.now();
    let roles = roles_of(s, directory, person).await?;
    let mut tx = s.db.begin().await?;
    let known = store::bond(tx.conn(), directory.issuer(), &person.subject).await?;
    let bond = match (known, &roles) {
        (Some(bond), _) => bond,
        (None, _) if !directory.provisions() => return Err(EnterError::Unknown.into()),
        (None, None) => return Err(EnterError::NoRole.into()),
        (None, Some(roles)) => provision(&mut tx, directory, person, roles, now).await?,
    };
    cx.about("users", bond.account);
    let account = account::store::lock(tx.conn(), bond.account).await?;
    let account = account
        .filter(|account| account.lock.is_none())
        .ok_or(EnterError::Locked)?;
    let (account, ending) = match (bond.origin, roles) {
        (Origin::Linked, _) => (account, None),
        (Origin::Provisioned, Some(roles)) => follow(&mut tx, account, roles, now).await?,
        (Origin::Provisioned, None) => {
            // What the directory took back ends now, and not with the last session.
            let ending = Ending::all_of(&mut tx, account.id, now).await?;
            tx.commit().await?;
            ending.take_effect(s.keyring.ended());
            return Err(EnterError::NoRole.into());
        }
    };
    let authentication = Authentication::new(&[Method::Directory], shown(shown_at, now));
    let tokens = open::open_as(&mut tx, &s.keyring, &account, device, authentication, now)
        .await?
        .ok_or(EnterError::Locked)?;
    tx.commit().await?;
    if let Some(ending) = ending {
        ending.take_effect(s.keyring.ended());
    }
    metrics::counter!("galen_identity_logins_total", "outcome" => "ok").increment(1);
    Ok(tokens)
}

/// When somebody showed who they are. The directory may have known them for hours;
/// where it does not say, it is not taken for recent.
fn shown(at: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let long_ago = RECENTLY + SignedDuration::from_secs(1);
    at.unwrap_or_else(|| now.saturating_sub(long_ago).unwrap_or(Timestamp::MIN))
}

/// The roles that somebody's groups give; `None` when that is none. A role that is
/// mapped but not made yet gives nothing.
async fn roles_of(
    s: &Identity,
    directory: &Provider,
    person: &Person,
) -> Result<Option<RoleSet>, Error> {
    let mut roles = directory.mapping().roles(&person.groups);
    let custom: Vec<&str> = roles
        .iter()
        .filter(|name| matches!(name, RoleName::Custom(_)))
        .map(RoleName::as_str)
        .collect();
    let unknown = role::store::unknown(s.db.pool(), &custom).await?;
    roles.retain(|name| !unknown.iter().any(|unknown| unknown == name.as_str()));
    Ok(RoleSet::new(roles).ok())
}

/// Makes an account for somebody new, or finds the one that was made at this moment.
/// It gets no address: a link that is mailed must not replace the directory.
async fn provision(
    tx: &mut Tx,
    directory: &Provider,
    person: &Person,
    roles: &RoleSet,
    now: Timestamp,
) -> Result<Bond, Halt> {
    let id: UserId = tx.clock().id();
    let bond = Bond {
        account: id,
        origin: Origin::Provisioned,
        linked_at: now,
    };
    if !store::bind(tx.conn(), directory.issuer(), &person.subject, &bond).await? {
        let made = store::bond(tx.conn(), directory.issuer(), &person.subject).await?;
        return Ok(made.ok_or_else(refused)?);
    }
    for username in usernames(person.username.as_ref(), id) {
        let account = Account::new(id, username, roles.clone(), now);
        if account::store::insert_if_free(tx.conn(), &account).await? {
            tx.publish(&UserProvisioned {
                user_id: id.to_string(),
                patient_id: String::new(),
            });
            return Ok(bond);
        }
    }
    Err(Problem::internal("the name of a new account's id is taken").into())
}

/// Gives an account the roles that the directory says. Others than before end its
/// sessions.
async fn follow(
    tx: &mut Tx,
    account: Account,
    roles: RoleSet,
    now: Timestamp,
) -> Result<(Account, Option<Ending>), Halt> {
    if account.roles == roles {
        return Ok((account, None));
    }
    let ending = Ending::all_of(tx, account.id, now).await?;
    tx.publish(&UserChanged {
        user_id: account.id.to_string(),
    });
    let changed = account::store::update(tx.conn(), Account { roles, ..account }).await?;
    Ok((changed, Some(ending)))
}
