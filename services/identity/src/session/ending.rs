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
use crate::link;
use crate::link::model::Purpose;
use crate::role::model::CustomName;

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

    /// Ends all sessions of an account, which is locked by this transaction, and
    /// closes the links that would log in: each is a session that is still to come.
    pub(crate) async fn all_of(
        tx: &mut Tx,
        account: UserId,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let sessions = store::revoke_all(tx.conn(), account, now).await?;
        link::store::close(tx.conn(), account, &[Purpose::LogIn], now).await?;
        Ok(Self::tell(tx, account, sessions, now))
    }

    /// Ends all sessions of everybody who has a role, which is locked by this
    /// transaction.
    pub(crate) async fn of_role(
        tx: &mut Tx,
        role: &CustomName,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let ended = store::revoke_of_role(tx.conn(), role, now).await?;
        Ok(Self::tell_many(tx, ended, now))
    }

    /// Ends all sessions of a client, which is locked by this transaction.
    pub(crate) async fn of_client(
        tx: &mut Tx,
        client: ClientId,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let mut ended = store::revoke_all_of_client(tx.conn(), client, now).await?;
        ended.sort_unstable();
        Ok(Self::tell_many(tx, ended, now))
    }

    /// As [`Ending::tell`], of several accounts, one after another.
    fn tell_many(tx: &mut Tx, ended: Vec<(UserId, SessionId)>, now: Timestamp) -> Self {
        for of_one in ended.chunk_by(|(a, _), (b, _)| a == b) {
            let sessions: Vec<SessionId> = of_one.iter().map(|(_, session)| *session).collect();
            if let Some((account, _)) = of_one.first() {
                tell(tx, *account, &sessions);
            }
        }
        let sessions = ended.into_iter().map(|(_, session)| session).collect();
        Self { sessions, at: now }
    }

    /// Ends all sessions of an account but one, and closes the links that would log in.
    pub(crate) async fn all_but(
        tx: &mut Tx,
        account: UserId,
        kept: SessionId,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let sessions = store::revoke_others(tx.conn(), account, kept, now).await?;
        link::store::close(tx.conn(), account, &[Purpose::LogIn], now).await?;
        Ok(Self::tell(tx, account, sessions, now))
    }

    /// Refuses their tokens from now on: to be called after the commit, because the
    /// sessions of a transaction that was undone go on.
    pub(crate) fn take_effect(self, ended: &EndedSessions) {
        ended.end(self.sessions, self.at, self.at);
    }
}
