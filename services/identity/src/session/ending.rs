//! What follows when sessions end: their access tokens are refused at once, in this
//! process from the commit on, and in others when they hear of it.

use galen_access::EndedSessions;
use galen_contracts::identity::v1::SessionsEnded;
use galen_contracts::ids::{SessionId, UserId};
use galen_eventing::Publish as _;
use galen_kernel::Timestamp;
use galen_storage::{Error, Tx};

use super::store;
use crate::client::ClientId;

/// An event names at most so many sessions.
const MOST_PER_EVENT: usize = 500;

/// Tells others of sessions of an account that this transaction has ended.
pub(crate) fn tell(tx: &mut Tx, account: UserId, sessions: &[SessionId]) {
    for some in sessions.chunks(MOST_PER_EVENT) {
        tx.publish(&SessionsEnded {
            user_id: account.to_string(),
            session_ids: some.iter().map(ToString::to_string).collect(),
        });
    }
}

/// Sessions that end with a transaction.
#[must_use = "their tokens are refused only when it takes effect"]
pub(crate) struct Ending {
    sessions: Vec<SessionId>,
    at: Timestamp,
}

impl Ending {
    /// As [`tell`], in a transaction whose commit the caller sees.
    pub(crate) fn tell(
        tx: &mut Tx,
        account: UserId,
        sessions: Vec<SessionId>,
        at: Timestamp,
    ) -> Self {
        tell(tx, account, &sessions);
        Self { sessions, at }
    }

    /// Ends all sessions of an account, which is locked by this transaction.
    pub(crate) async fn all_of(
        tx: &mut Tx,
        account: UserId,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let sessions = store::revoke_all(tx.conn(), account, now).await?;
        Ok(Self::tell(tx, account, sessions, now))
    }

    /// Refuses their tokens from now on: to be called after the commit, because the
    /// sessions of a transaction that was undone go on.
    pub(crate) fn take_effect(self, ended: &EndedSessions) {
        ended.end(self.sessions, self.at, self.at);
    }
}

/// Sessions of several accounts that end with a transaction.
#[derive(Default)]
#[must_use = "their tokens are refused only when it takes effect"]
pub(crate) struct Endings(Vec<Ending>);

impl Endings {
    /// Ends all sessions of a client, which is locked by this transaction.
    pub(crate) async fn all_of_client(
        tx: &mut Tx,
        client: ClientId,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let mut sessions = store::revoke_all_of_client(tx.conn(), client, now).await?;
        sessions.sort_unstable();
        let of_accounts = sessions.chunk_by(|(one, _), (other, _)| one == other);
        let endings = of_accounts.filter_map(|of_account| {
            let (account, _) = of_account.first()?;
            let sessions = of_account.iter().map(|(_, session)| *session).collect();
            Some(Ending::tell(tx, *account, sessions, now))
        });
        Ok(Self(endings.collect()))
    }

    /// As [`Ending::take_effect`].
    pub(crate) fn take_effect(self, ended: &EndedSessions) {
        for ending in self.0 {
            ending.take_effect(ended);
        }
    }
}
