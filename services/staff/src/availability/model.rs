//! The rule of availability. Pure.

use galen_contracts::scheduling::v1 as scheduling;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::interval::Interval;
use crate::shift::model::ShiftKind;

/// What a patient comes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServiceType {
    /// Talks to the doctor.
    Consultation,
    /// Is operated on.
    Surgery,
    /// Is vaccinated.
    Vaccination,
    /// Comes again.
    FollowUp,
    /// Has something done that is no surgery.
    Procedure,
}

impl ServiceType {
    /// Every type.
    pub const ALL: &[Self] = &[
        Self::Consultation,
        Self::Surgery,
        Self::Vaccination,
        Self::FollowUp,
        Self::Procedure,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consultation => "CONSULTATION",
            Self::Surgery => "SURGERY",
            Self::Vaccination => "VACCINATION",
            Self::FollowUp => "FOLLOW_UP",
            Self::Procedure => "PROCEDURE",
        }
    }

    /// The type of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|service| service.name() == name)
    }

    /// Reads scheduling's word for it; `None` when unspecified.
    #[must_use]
    pub const fn from_wire(service: scheduling::ServiceType) -> Option<Self> {
        match service {
            scheduling::ServiceType::Unspecified => None,
            scheduling::ServiceType::Consultation => Some(Self::Consultation),
            scheduling::ServiceType::Surgery => Some(Self::Surgery),
            scheduling::ServiceType::Vaccination => Some(Self::Vaccination),
            scheduling::ServiceType::FollowUp => Some(Self::FollowUp),
            scheduling::ServiceType::Procedure => Some(Self::Procedure),
        }
    }

    /// Whether this is offered in a shift of that kind. Who is on call is there for
    /// emergencies, not for appointments.
    #[must_use]
    pub const fn is_offered_in(self, shift: ShiftKind) -> bool {
        match shift {
            ShiftKind::Clinic | ShiftKind::Night => !matches!(self, Self::Surgery),
            ShiftKind::Surgery => matches!(self, Self::Surgery),
            ShiftKind::OnCall => false,
        }
    }
}

/// What is known about somebody's time around an interval.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Still practises here.
    pub active: bool,
    /// Active shifts.
    pub shifts: Vec<(ShiftKind, Interval)>,
    /// Approved leave.
    pub leaves: Vec<Interval>,
}

/// Why somebody is not available.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Unavailable {
    /// There is no such practitioner.
    Unknown,
    /// No longer practises here.
    Inactive,
    /// Has approved leave in a part of the interval.
    OnLeave,
    /// Suitable shifts do not cover the interval.
    OutsideShift,
}

impl Unavailable {
    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Inactive => "INACTIVE",
            Self::OnLeave => "ON_LEAVE",
            Self::OutsideShift => "OUTSIDE_SHIFT",
        }
    }

    /// For a person.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Unknown => "There is no such practitioner.",
            Self::Inactive => "The practitioner no longer practises here.",
            Self::OnLeave => "The practitioner is on leave.",
            Self::OutsideShift => "The practitioner has no suitable shift for the whole time.",
        }
    }
}

/// Decides whether somebody works, and offers the service, in every instant of the
/// interval: suitable shifts joined together must cover it, and leave must not
/// touch it.
///
/// # Errors
/// The first reason that applies, in the order of [`Unavailable`].
pub fn decide(
    facts: Option<&Facts>,
    wanted: Interval,
    service: ServiceType,
) -> Result<(), Unavailable> {
    let facts = facts.ok_or(Unavailable::Unknown)?;
    if !facts.active {
        return Err(Unavailable::Inactive);
    }
    if facts.leaves.iter().any(|leave| leave.overlaps(&wanted)) {
        return Err(Unavailable::OnLeave);
    }
    let mut suitable: Vec<Interval> = facts
        .shifts
        .iter()
        .filter(|(kind, _)| service.is_offered_in(*kind))
        .map(|(_, during)| *during)
        .collect();
    suitable.sort_by_key(Interval::start);
    let mut covered_until = wanted.start();
    for shift in suitable {
        if shift.start() > covered_until {
            break;
        }
        covered_until = covered_until.max(shift.end());
    }
    if covered_until >= wanted.end() {
        Ok(())
    } else {
        Err(Unavailable::OutsideShift)
    }
}

#[cfg(test)]
mod tests {
    use galen_kernel::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn minutes(from: i64, to: i64) -> Interval {
        let minute = |n: i64| Timestamp::from_second(1_740_000_000 + n * 60).expect("small");
        Interval::new(minute(from), minute(to)).expect("lasts")
    }

    fn working(shifts: &[(ShiftKind, Interval)]) -> Facts {
        Facts {
            active: true,
            shifts: shifts.to_vec(),
            leaves: Vec::new(),
        }
    }

    #[test]
    fn adjacent_shifts_join() {
        let facts = working(&[
            (ShiftKind::Night, minutes(60, 120)),
            (ShiftKind::Clinic, minutes(0, 60)),
        ]);
        assert_eq!(
            decide(Some(&facts), minutes(30, 90), ServiceType::Consultation),
            Ok(())
        );
        assert_eq!(
            decide(Some(&facts), minutes(0, 120), ServiceType::Consultation),
            Ok(())
        );
        assert_eq!(
            decide(Some(&facts), minutes(30, 121), ServiceType::Consultation),
            Err(Unavailable::OutsideShift)
        );
    }

    #[test]
    fn a_hole_of_a_minute_is_a_hole() {
        let facts = working(&[
            (ShiftKind::Clinic, minutes(0, 60)),
            (ShiftKind::Clinic, minutes(61, 120)),
        ]);
        assert_eq!(
            decide(Some(&facts), minutes(30, 90), ServiceType::Consultation),
            Err(Unavailable::OutsideShift)
        );
    }

    #[test]
    fn leave_ends_before_its_end() {
        let mut facts = working(&[(ShiftKind::Clinic, minutes(0, 120))]);
        facts.leaves.push(minutes(30, 60));
        assert_eq!(
            decide(Some(&facts), minutes(60, 90), ServiceType::FollowUp),
            Ok(())
        );
        assert_eq!(
            decide(Some(&facts), minutes(0, 30), ServiceType::FollowUp),
            Ok(())
        );
        assert_eq!(
            decide(Some(&facts), minutes(59, 90), ServiceType::FollowUp),
            Err(Unavailable::OnLeave)
        );
    }

    #[test]
    fn surgeons_do_not_vaccinate_and_nobody_books_who_is_on_call() {
        for (kind, service, offered) in [
            (ShiftKind::Surgery, ServiceType::Surgery, true),
            (ShiftKind::Surgery, ServiceType::Vaccination, false),
            (ShiftKind::Clinic, ServiceType::Surgery, false),
            (ShiftKind::Night, ServiceType::Procedure, true),
            (ShiftKind::OnCall, ServiceType::Procedure, false),
            (ShiftKind::OnCall, ServiceType::Surgery, false),
        ] {
            let facts = working(&[(kind, minutes(0, 60))]);
            assert_eq!(
                decide(Some(&facts), minutes(0, 30), service).is_ok(),
                offered,
                "{service:?} in {kind:?}"
            );
        }
    }

    #[test]
    fn the_gravest_reason_is_given() {
        let mut facts = Facts {
            leaves: vec![minutes(0, 60)],
            ..Facts::default()
        };
        assert_eq!(
            decide(None, minutes(0, 30), ServiceType::Surgery),
            Err(Unavailable::Unknown)
        );
        assert_eq!(
            decide(Some(&facts), minutes(0, 30), ServiceType::Surgery),
            Err(Unavailable::Inactive)
        );
        facts.active = true;
        assert_eq!(
            decide(Some(&facts), minutes(0, 30), ServiceType::Surgery),
            Err(Unavailable::OnLeave)
        );
    }

    #[test]
    fn every_name_is_the_same_everywhere() {
        for service in ServiceType::ALL {
            assert_eq!(ServiceType::named(service.name()), Some(*service));
            assert_eq!(
                serde_json::to_value(service).ok(),
                Some(service.name().into())
            );
            let wire =
                scheduling::ServiceType::from_str_name(&format!("SERVICE_TYPE_{}", service.name()));
            assert_eq!(wire.and_then(ServiceType::from_wire), Some(*service));
        }
        for reason in [
            Unavailable::Unknown,
            Unavailable::Inactive,
            Unavailable::OnLeave,
            Unavailable::OutsideShift,
        ] {
            assert_eq!(
                serde_json::to_value(reason).ok(),
                Some(reason.code().into())
            );
        }
    }

    fn spans(most: usize) -> impl Strategy<Value = Vec<Interval>> {
        prop::collection::vec((0_i64..200, 1_i64..80), 0..most).prop_map(|spans| {
            spans
                .into_iter()
                .map(|(from, long)| minutes(from, from + long))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn the_rule_agrees_with_looking_at_every_minute(
            shifts in prop::collection::vec((prop::sample::select(ShiftKind::ALL.to_vec()), 0_i64..200, 1_i64..80), 0..8),
            leaves in spans(2),
            active: bool,
            (from, long) in (0_i64..220, 1_i64..60),
            service in prop::sample::select(ServiceType::ALL.to_vec()),
        ) {
            let shifts: Vec<(ShiftKind, Interval)> = shifts.into_iter().map(|(kind, from, long)| (kind, minutes(from, from + long))).collect();
            let facts = Facts { active, shifts, leaves };

            let mut expected = Ok(());
            for minute in from..from + long {
                let minute = minutes(minute, minute + 1);
                let works = facts.shifts.iter().any(|(kind, shift)| service.is_offered_in(*kind) && shift.overlaps(&minute));
                let away = facts.leaves.iter().any(|leave| leave.overlaps(&minute));
                expected = match expected {
                    Err(Unavailable::OnLeave) => expected,
                    _ if away => Err(Unavailable::OnLeave),
                    _ if !works => Err(Unavailable::OutsideShift),
                    kept => kept,
                };
            }
            if !active {
                expected = Err(Unavailable::Inactive);
            }
            prop_assert_eq!(decide(Some(&facts), minutes(from, from + long), service), expected);
        }
    }
}
