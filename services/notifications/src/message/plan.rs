//! The decision what to do with a message now. Pure.

use galen_kernel::{Pii, Timestamp};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::codes::codes;
use crate::preference::Preferences;
use crate::template::{Category, Channel};

codes! {
    /// Why a channel was passed over.
    SkipReason {
        /// No address or number is known.
        NoAddress = "NO_ADDRESS",
        /// What is known is not one.
        InvalidAddress = "INVALID_ADDRESS",
        /// The recipient has switched it off.
        Muted = "MUTED",
        /// No provider is configured.
        NoProvider = "NO_PROVIDER",
        /// The provider does not take this address.
        Refused = "REFUSED",
        /// It would have to wait until after it is of use.
        QuietHours = "QUIET_HOURS",
        /// The text does not exist for it.
        NoText = "NO_TEXT",
    }
}

/// A channel that was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Skip {
    /// Which.
    pub channel: Channel,
    /// Why.
    pub reason: SkipReason,
}

/// One way to the recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// There is an address.
    Open(Pii<String>),
    /// There is none.
    Closed(SkipReason),
}

/// The ways to the recipient. The account is always one for patients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ways {
    /// E-mail address.
    pub email: Way,
    /// Telephone number.
    pub sms: Way,
    /// The patient's account.
    pub in_app: bool,
}

/// Everything the decision depends on.
#[derive(Debug)]
pub struct Situation<'a> {
    /// What it is about.
    pub category: Category,
    /// Now.
    pub now: Timestamp,
    /// After this it is better not sent.
    pub expires_at: Option<Timestamp>,
    /// The ways to the recipient.
    pub ways: &'a Ways,
    /// Channels whose provider has refused this message in this round.
    pub refused: &'a [Channel],
    /// What the recipient wishes.
    pub preferences: &'a Preferences,
    /// The hospital's zone.
    pub zone: &'a TimeZone,
}

/// What to do with a message now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Send it this way.
    Send(Channel, Pii<String>),
    /// Wait.
    Wait(Timestamp),
    /// Do not send it; the code says why.
    Suppress(&'static str),
    /// Nothing is left to try; the code says why.
    GiveUp(&'static str),
}

/// Decides. Channels are tried in their order; what was passed over is told.
#[must_use]
pub fn decide(situation: &Situation<'_>) -> (Plan, Vec<Skip>) {
    if situation.expires_at.is_some_and(|end| end <= situation.now) {
        return (Plan::Suppress("EXPIRED"), Vec::new());
    }
    let mut skipped = Vec::new();
    for channel in Channel::ALL.iter().copied() {
        match open(situation, channel) {
            Ok(address) if is_silent(situation, channel) => {
                return (Plan::Send(channel, address), skipped);
            }
            Ok(address) => match quiet_until(situation) {
                None => return (Plan::Send(channel, address), skipped),
                Some(end) if situation.expires_at.is_none_or(|last| end < last) => {
                    return (Plan::Wait(end), skipped);
                }
                Some(_) => skipped.push(Skip {
                    channel,
                    reason: SkipReason::QuietHours,
                }),
            },
            Err(reason) => skipped.push(Skip { channel, reason }),
        }
    }
    let because = |reason| skipped.iter().any(|skip: &Skip| skip.reason == reason);
    let plan = if because(SkipReason::Refused) {
        Plan::GiveUp("REFUSED")
    } else if because(SkipReason::QuietHours) {
        Plan::Suppress("QUIET_HOURS")
    } else if because(SkipReason::Muted) {
        Plan::Suppress("MUTED")
    } else {
        Plan::GiveUp("NO_ADDRESS")
    };
    (plan, skipped)
}

fn open(situation: &Situation<'_>, channel: Channel) -> Result<Pii<String>, SkipReason> {
    let way = match channel {
        Channel::Email => situation.ways.email.clone(),
        Channel::Sms => situation.ways.sms.clone(),
        Channel::InApp if situation.category == Category::Account => {
            Way::Closed(SkipReason::NoText)
        }
        Channel::InApp if situation.ways.in_app => Way::Open(Pii::default()),
        Channel::InApp => Way::Closed(SkipReason::NoAddress),
    };
    let address = match way {
        Way::Open(address) => address,
        Way::Closed(reason) => return Err(reason),
    };
    if !situation.preferences.wants(situation.category, channel) {
        return Err(SkipReason::Muted);
    }
    if situation.refused.contains(&channel) {
        return Err(SkipReason::Refused);
    }
    Ok(address)
}

/// What appears in the account wakes nobody, and who resets a password is awake.
fn is_silent(situation: &Situation<'_>, channel: Channel) -> bool {
    channel == Channel::InApp || situation.category == Category::Account
}

fn quiet_until(situation: &Situation<'_>) -> Option<Timestamp> {
    let end = situation
        .preferences
        .quiet?
        .over(situation.now, situation.zone);
    (end > situation.now).then_some(end)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;
    use crate::preference::QuietHours;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    fn open_way(address: &str) -> Way {
        Way::Open(Pii::new(address.to_owned()))
    }

    fn ways() -> Ways {
        Ways {
            email: open_way("ada@example.org"),
            sms: open_way("+491234567"),
            in_app: true,
        }
    }

    fn night() -> Option<QuietHours> {
        QuietHours::new("22:00".parse().ok()?, "07:00".parse().ok()?)
    }

    fn decide_at(
        now: Timestamp,
        category: Category,
        expires_at: Option<Timestamp>,
        ways: &Ways,
        preferences: &Preferences,
    ) -> (Plan, Vec<Skip>) {
        let zone = TimeZone::UTC;
        decide(&Situation {
            category,
            now,
            expires_at,
            ways,
            refused: &[],
            preferences,
            zone: &zone,
        })
    }

    const DAY: &str = "2026-03-03T12:00:00Z";
    const NIGHT: &str = "2026-03-03T23:00:00Z";

    #[test]
    fn the_first_open_way_is_taken_and_the_others_are_told() {
        let ways = Ways {
            email: Way::Closed(SkipReason::NoAddress),
            ..ways()
        };
        let (plan, skipped) = decide_at(
            at(DAY),
            Category::Reminder,
            None,
            &ways,
            &Preferences::default(),
        );
        assert_eq!(
            plan,
            Plan::Send(Channel::Sms, Pii::new("+491234567".to_owned()))
        );
        assert_eq!(
            skipped,
            [Skip {
                channel: Channel::Email,
                reason: SkipReason::NoAddress
            }]
        );
    }

    #[test]
    fn quiet_hours_hold_everything_but_the_account() {
        let quiet = Preferences {
            quiet: night(),
            ..Preferences::default()
        };
        let (plan, _) = decide_at(at(NIGHT), Category::Appointment, None, &ways(), &quiet);
        assert_eq!(plan, Plan::Wait(at("2026-03-04T07:00:00Z")));
        let (plan, _) = decide_at(at(NIGHT), Category::Account, None, &ways(), &quiet);
        assert!(matches!(plan, Plan::Send(Channel::Email, _)));
    }

    #[test]
    fn what_cannot_wait_for_the_morning_goes_into_the_account() {
        let quiet = Preferences {
            quiet: night(),
            ..Preferences::default()
        };
        let soon = Some(at("2026-03-04T01:00:00Z"));
        let (plan, skipped) = decide_at(at(NIGHT), Category::Waitlist, soon, &ways(), &quiet);
        assert!(matches!(plan, Plan::Send(Channel::InApp, _)));
        assert_eq!(skipped.len(), 2);
        let (plan, _) = decide_at(at(DAY), Category::Waitlist, Some(at(DAY)), &ways(), &quiet);
        assert_eq!(plan, Plan::Suppress("EXPIRED"));
    }

    #[test]
    fn muted_everywhere_is_suppressed_and_unreachable_is_given_up() {
        let muted = Channel::ALL
            .iter()
            .map(|c| (Category::Reminder, *c))
            .collect();
        let silent = Preferences {
            muted,
            ..Preferences::default()
        };
        let (plan, _) = decide_at(at(DAY), Category::Reminder, None, &ways(), &silent);
        assert_eq!(plan, Plan::Suppress("MUTED"));
        let nowhere = Ways {
            email: Way::Closed(SkipReason::NoAddress),
            sms: Way::Closed(SkipReason::NoProvider),
            in_app: false,
        };
        let (plan, _) = decide_at(at(DAY), Category::Account, None, &nowhere, &silent);
        assert_eq!(plan, Plan::GiveUp("NO_ADDRESS"));
    }

    fn any_way() -> impl Strategy<Value = Way> {
        prop_oneof![
            Just(open_way("x")),
            proptest::sample::select(SkipReason::ALL).prop_map(Way::Closed),
        ]
    }

    proptest! {
        #[test]
        fn no_plan_breaks_a_wish(
            email in any_way(),
            sms in any_way(),
            in_app: bool,
            category in proptest::sample::select(Category::ALL),
            refused in proptest::sample::subsequence(Channel::ALL, 0..=3),
            muted in proptest::sample::subsequence(Channel::ALL, 0..=3),
            quiet: bool,
            hour in 0_i64..48,
            left in proptest::option::of(-1_i64..30),
        ) {
            let now = at("2026-03-03T00:00:00Z") + SignedDuration::from_hours(hour);
            let expires_at = left.map(|hours| now + SignedDuration::from_hours(hours));
            let muted: BTreeSet<_> = muted.iter().map(|c| (category, *c)).collect();
            let preferences = Preferences { language: None, quiet: if quiet { night() } else { None }, muted };
            let ways = Ways { email, sms, in_app };
            let zone = TimeZone::UTC;
            let situation = Situation { category, now, expires_at, ways: &ways, refused: &refused, preferences: &preferences, zone: &zone };
            let (plan, skipped) = decide(&situation);
            let is_quiet = preferences.quiet.is_some_and(|q| q.covers(now, &zone));
            match plan {
                Plan::Send(channel, _) => {
                    prop_assert!(!refused.contains(&channel));
                    prop_assert!(preferences.wants(category, channel));
                    prop_assert!(!is_quiet || channel == Channel::InApp || category == Category::Account);
                    prop_assert!(!(channel == Channel::InApp && category == Category::Account));
                    prop_assert!(skipped.iter().all(|s| s.channel < channel));
                }
                Plan::Wait(until) => {
                    prop_assert!(is_quiet && until > now);
                    prop_assert!(expires_at.is_none_or(|end| until < end));
                }
                Plan::Suppress("EXPIRED") => prop_assert!(expires_at.is_some_and(|end| end <= now)),
                Plan::Suppress(_) | Plan::GiveUp(_) => prop_assert_eq!(skipped.len(), Channel::ALL.len()),
            }
        }
    }
}
