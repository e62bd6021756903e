//! Sessions that have ended although access tokens of theirs would still be valid.
//!
//! A token lives for a quarter of an hour; a session that was ended must not. Each
//! process remembers what ended as long as a token of it could still be shown, and
//! no longer: the set is bounded by how many sessions end in that time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use galen_contracts::ids::SessionId;
use galen_kernel::Timestamp;
use jiff::SignedDuration;

use crate::token::{ACCESS_TOKEN_SECONDS, LEEWAY_SECONDS};

/// How long an ended session is remembered: what a token lives, the skew that is
/// forgiven, and a minute for a token that was signed while its session was ending.
pub const REMEMBERED: SignedDuration =
    SignedDuration::from_secs(ACCESS_TOKEN_SECONDS + LEEWAY_SECONDS.cast_signed() + 60);

/// The sessions whose access tokens are refused; shared, and cheap to clone.
#[derive(Clone, Default)]
pub struct EndedSessions {
    inner: Arc<RwLock<Ended>>,
}

#[derive(Default)]
struct Ended {
    /// When each is forgotten.
    sessions: HashMap<SessionId, Timestamp>,
    /// In the order in which they were heard of.
    heard: VecDeque<(Timestamp, SessionId)>,
}

impl EndedSessions {
    /// Refuses the tokens of these sessions, which ended then.
    pub fn end(
        &self,
        sessions: impl IntoIterator<Item = SessionId>,
        ended_at: Timestamp,
        now: Timestamp,
    ) {
        let forgotten_at = ended_at
            .saturating_add(REMEMBERED)
            .unwrap_or(Timestamp::MAX);
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        while let Some((at, session)) = inner.heard.pop_front_if(|(at, _)| *at <= now) {
            // Unless it was heard of again, with a later end.
            if inner.sessions.get(&session) == Some(&at) {
                inner.sessions.remove(&session);
            }
        }
        for session in sessions {
            let known = inner.sessions.get(&session);
            if forgotten_at > now && known.is_none_or(|at| *at < forgotten_at) {
                inner.sessions.insert(session, forgotten_at);
                inner.heard.push_back((forgotten_at, session));
            }
        }
    }

    /// Whether a session was ended lately.
    #[must_use]
    pub fn contains(&self, session: SessionId) -> bool {
        self.inner
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .sessions
            .contains_key(&session)
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .sessions
            .len()
    }

    /// Whether none is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn session(number: u8) -> SessionId {
        SessionId::from_uuid(uuid::Uuid::from_u128(u128::from(number)))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    proptest! {
        #[test]
        fn an_ended_session_is_refused_for_as_long_as_a_token_of_it_could_live(
            ends in prop::collection::vec((0_u8..20, 0_i64..600), 1..60),
        ) {
            let ended = EndedSessions::default();
            let mut now = 0;
            let mut known: Vec<(u8, i64)> = Vec::new();
            for (number, later) in ends {
                now += later;
                ended.end([session(number)], at(now), at(now));
                known.push((number, now));
                for (number, when) in &known {
                    if now - when < REMEMBERED.as_secs() {
                        prop_assert!(ended.contains(session(*number)));
                    }
                }
            }
            now += REMEMBERED.as_secs();
            ended.end([session(99)], at(now), at(now));
            prop_assert_eq!(ended.len(), 1, "what no token can name any more is forgotten");
        }
    }

    #[test]
    fn what_ended_long_ago_is_not_taken_up() {
        let ended = EndedSessions::default();
        ended.end([session(1)], at(0), at(0) + REMEMBERED);
        assert!(ended.is_empty());
    }
}
