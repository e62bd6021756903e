//! Whom a link is mailed to, as somebody names them who is not logged in. Nobody is
//! told whether there is such an account: neither by the answer nor by its time.

use std::time::Duration;

use galen_contracts::ids::UserId;
use galen_kernel::{Pii, Problem, Timestamp, Violations};
use galen_service::{Answer, Halt, Needs, Outcome, Requires};
use serde::Deserialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::model::{PAUSE, Purpose};
use super::{consume, request, store};
use crate::Identity;
use crate::account::{self, Account, Email, Username};

/// The answer comes no sooner: writing a link takes longer than finding nobody,
/// and the difference must not tell.
const FLOOR: Duration = Duration::from_millis(50);
/// A family may share an address; a crowd does not.
const MOST_ACCOUNTS: i64 = 10;

/// Whose account: exactly one of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(min_properties = 1, max_properties = 1)]
pub(crate) struct Addressee {
    /// Login name; of patients, their medical record number unless they chose another.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, max_length = 64, required = false)]
    username: Option<Pii<String>>,
    /// Address of the account.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, max_length = 254, format = "email", required = false)]
    email: Option<Pii<String>>,
}

/// A field that is there is not null.
fn given<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Pii<String>>, D::Error> {
    Pii::deserialize(deserializer).map(Some)
}

impl Requires for Addressee {
    const NEEDS: Needs = Needs::Nobody;
}

/// Whose account.
enum Whose {
    /// The account of this name; `None`: no name of any account.
    Username(Option<Username>),
    /// Accounts of this address.
    Email(Email),
}

/// Mails each account that is meant a link, if there is any: 204 in any case.
pub(crate) async fn mail(
    s: &Identity,
    addressee: &Addressee,
    purpose: Purpose,
    now: Timestamp,
) -> Outcome {
    let answer_at = Instant::now() + FLOOR;
    let accounts = match parse(addressee)? {
        Whose::Username(None) => Vec::new(),
        Whose::Username(Some(name)) => account::store::by_username(s.db.pool(), &name)
            .await?
            .into_iter()
            .collect(),
        Whose::Email(email) => account::store::by_email(s.db.pool(), &email, MOST_ACCOUNTS).await?,
    };
    for account in accounts {
        request_once(s, account.id, purpose, now).await?;
    }
    tokio::time::sleep_until(answer_at).await;
    Ok(Answer::no_content())
}

fn parse(addressee: &Addressee) -> Result<Whose, Problem> {
    let mut wrong = Violations::new();
    let whose = match (&addressee.username, &addressee.email) {
        (Some(name), None) => {
            let length = name.expose().chars().count();
            wrong.require(
                length <= account::username::LONGEST,
                "/username",
                "TOO_LONG",
                "must have at most 64 characters",
            );
            Some(Whose::Username(Username::parse(name.expose()).ok()))
        }
        (None, Some(email)) => wrong
            .keep("/email", "INVALID_EMAIL", Email::parse(email.expose()))
            .map(Whose::Email),
        _ => {
            wrong.push("", "EXACTLY_ONE", "must have either username or email");
            None
        }
    };
    wrong.finish()?;
    whose.ok_or_else(|| Problem::internal("a field was neither kept nor refused"))
}

/// Asks for a link unless the account is locked, cannot be reached, may not use one, or
/// was mailed a moment ago. Requests side by side wait for each other.
async fn request_once(
    s: &Identity,
    id: UserId,
    purpose: Purpose,
    now: Timestamp,
) -> Result<(), Halt> {
    let mut tx = s.db.begin().await?;
    let account = account::store::lock(tx.conn(), id).await?;
    let Some(account) =
        account.filter(|account: &Account| account.lock.is_none() && account.is_reachable())
    else {
        return Ok(());
    };
    if purpose == Purpose::LogIn && !consume::may_be_used_by(tx.conn(), &account).await? {
        return Ok(());
    }
    let since = now.saturating_sub(PAUSE).unwrap_or(Timestamp::MIN);
    if store::asked_since(tx.conn(), id, purpose, since).await? {
        return Ok(());
    }
    request::request(&mut tx, &account, purpose, now).await?;
    tx.commit().await?;
    Ok(())
}
