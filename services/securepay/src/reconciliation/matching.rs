//! What an entry of a bank statement is about. Pure, and the same every time.
//!
//! Rules are tried one after another over all entries, so that a certain match is never
//! taken away by a likely one; each thing is found at most once. What came back or was
//! undone is looked at by a person.

use std::collections::BTreeMap;

use jiff::civil::Date;
use uuid::Uuid;

use super::statement::{Direction, Entry};

/// Days before and after its date in which something may be booked: a bank dates an
/// entry back, a payment waits for a long weekend.
const WINDOW: std::ops::RangeInclusive<i32> = -1..=5;

/// Something that is expected on a bank account: a settlement of a provider, a payout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its id: a top-up, a payout.
    pub id: Uuid,
    /// Whether it comes or goes.
    pub direction: Direction,
    /// How much; minor units, more than zero.
    pub amount: i64,
    /// From when on.
    pub since: Date,
    /// What the provider calls the settlement, which may be about several.
    pub settlement: Option<String>,
}

/// Why an entry was found to be about something, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Because {
    /// It has our id as its end-to-end reference.
    EndToEndId,
    /// It names a settlement of the provider, and is as much as all of it.
    Settlement,
    /// It is the only one of its amount and days, and so is what was expected.
    AmountAndDate,
    /// It came back or undoes another one.
    Returned,
    /// It names something of another amount or direction.
    AmountDiffers,
    /// Several things or several entries are of its amount and days.
    Ambiguous,
    /// Nothing is expected that is like it.
    NothingLikeIt,
}

impl Because {
    /// As stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EndToEndId => "END_TO_END_ID",
            Self::Settlement => "SETTLEMENT",
            Self::AmountAndDate => "AMOUNT_AND_DATE",
            Self::Returned => "RETURNED",
            Self::AmountDiffers => "AMOUNT_DIFFERS",
            Self::Ambiguous => "AMBIGUOUS",
            Self::NothingLikeIt => "NOTHING_LIKE_IT",
        }
    }
}

/// What an entry is about: nothing that is known when there is no candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Ids of candidates.
    pub candidates: Vec<Uuid>,
    /// Why.
    pub because: Because,
}

/// Decides about all entries of a statement; the decisions are in their order.
#[must_use]
pub fn decide(entries: &[Entry], candidates: &[Candidate]) -> Vec<Decision> {
    let mut open: BTreeMap<Uuid, &Candidate> = candidates.iter().map(|one| (one.id, one)).collect();
    let mut decisions: Vec<Option<Decision>> = entries
        .iter()
        .map(|entry| entry.is_return.then(|| none(Because::Returned)))
        .collect();
    for rule in [by_id, by_settlement] {
        for (entry, decision) in entries.iter().zip(&mut decisions) {
            // What names something that is not like it may still name a settlement.
            let undecided = decision
                .as_ref()
                .is_none_or(|decision| decision.because == Because::AmountDiffers);
            if undecided && let Some(found) = rule(entry, &open) {
                for id in &found.candidates {
                    open.remove(id);
                }
                *decision = Some(found);
            }
        }
    }
    let rest: Vec<&Entry> = entries
        .iter()
        .zip(&decisions)
        .filter(|(_, decision)| decision.is_none())
        .map(|(entry, _)| entry)
        .collect();
    entries
        .iter()
        .zip(decisions)
        .map(|(entry, decision)| decision.unwrap_or_else(|| by_amount(entry, &rest, &open)))
        .collect()
}

const fn none(because: Because) -> Decision {
    Decision {
        candidates: Vec::new(),
        because,
    }
}

/// Its end-to-end id is one of ours, written without dashes to fit thirty-five characters.
fn by_id(entry: &Entry, open: &BTreeMap<Uuid, &Candidate>) -> Option<Decision> {
    let id = Uuid::parse_str(entry.said.end_to_end_id.as_deref()?).ok()?;
    let candidate = open.get(&id)?;
    if (candidate.direction, candidate.amount) == (entry.direction, entry.amount) {
        Some(Decision {
            candidates: vec![id],
            because: Because::EndToEndId,
        })
    } else {
        Some(none(Because::AmountDiffers))
    }
}

/// It names a settlement of the provider.
fn by_settlement(entry: &Entry, open: &BTreeMap<Uuid, &Candidate>) -> Option<Decision> {
    let said = &entry.said;
    let mut names: Vec<&str> = [
        &said.end_to_end_id,
        &said.transaction_id,
        &said.reference,
        &entry.bank_reference,
    ]
    .into_iter()
    .filter_map(Option::as_deref)
    .collect();
    names.extend(said.text.iter().flat_map(|text| text.split_whitespace()));
    let settled: Vec<&Candidate> = open
        .values()
        .copied()
        .filter(|candidate| candidate.direction == entry.direction)
        .filter(|candidate| {
            candidate
                .settlement
                .as_deref()
                .is_some_and(|name| names.contains(&name))
        })
        .collect();
    if settled.is_empty() {
        return None;
    }
    let total: i128 = settled.iter().map(|one| i128::from(one.amount)).sum();
    if total == i128::from(entry.amount) {
        Some(Decision {
            candidates: settled.iter().map(|one| one.id).collect(),
            because: Because::Settlement,
        })
    } else {
        Some(none(Because::AmountDiffers))
    }
}

/// It alone is like one thing alone.
fn by_amount(entry: &Entry, rest: &[&Entry], open: &BTreeMap<Uuid, &Candidate>) -> Decision {
    let mut like: Vec<&Candidate> = open
        .values()
        .copied()
        .filter(|candidate| is_like(entry, candidate))
        .collect();
    let Some(candidate) = like.pop() else {
        return none(Because::NothingLikeIt);
    };
    let rivals = rest
        .iter()
        .filter(|other| is_like(other, candidate))
        .count();
    if like.is_empty() && rivals == 1 {
        Decision {
            candidates: vec![candidate.id],
            because: Because::AmountAndDate,
        }
    } else {
        none(Because::Ambiguous)
    }
}

fn is_like(entry: &Entry, candidate: &Candidate) -> bool {
    let days = entry
        .booked_on
        .since(candidate.since)
        .map_or(i32::MAX, |span| span.get_days());
    (candidate.direction, candidate.amount) == (entry.direction, entry.amount)
        && WINDOW.contains(&days)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::statement::Said;
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn entry(signed: i64, reference: &str) -> Entry {
        Entry {
            number: 1,
            direction: if signed > 0 {
                Direction::In
            } else {
                Direction::Out
            },
            amount: signed.abs(),
            booked_on: day("2026-11-20"),
            value_on: None,
            is_return: false,
            bank_reference: None,
            said: Said {
                end_to_end_id: (!reference.is_empty()).then(|| reference.to_owned()),
                ..Said::default()
            },
        }
    }

    fn candidate(id: u128, signed: i64) -> Candidate {
        Candidate {
            id: Uuid::from_u128(id),
            direction: if signed > 0 {
                Direction::In
            } else {
                Direction::Out
            },
            amount: signed.abs(),
            since: day("2026-11-18"),
            settlement: None,
        }
    }

    fn names(entries: &[Entry], candidates: &[Candidate]) -> Vec<(&'static str, Vec<u128>)> {
        decide(entries, candidates)
            .into_iter()
            .map(|d| {
                let ids = d.candidates.iter().map(Uuid::as_u128).collect();
                (d.because.name(), ids)
            })
            .collect()
    }

    #[test]
    fn our_own_id_decides() {
        let id = Uuid::from_u128(7).simple().to_string();
        assert_eq!(id.len(), 32);
        let both = [candidate(6, -500), candidate(7, -500)];
        assert_eq!(
            names(&[entry(-500, &id)], &both),
            [("END_TO_END_ID", vec![7])]
        );
        assert_eq!(
            names(&[entry(-501, &id)], &both),
            [("AMOUNT_DIFFERS", vec![])]
        );
        assert_eq!(
            names(&[entry(500, &id)], &both),
            [("AMOUNT_DIFFERS", vec![])]
        );
        // Once: the second entry of the same name is for a person.
        assert_eq!(
            names(&[entry(-500, &id), entry(-500, &id)], &both[1..]),
            [("END_TO_END_ID", vec![7]), ("NOTHING_LIKE_IT", vec![])]
        );
    }

    #[test]
    fn a_settlement_is_found_whole_or_not() {
        let mut parts = [candidate(1, 100), candidate(2, 250), candidate(3, 350)];
        for part in &mut parts[..2] {
            part.settlement = Some("SETTLE-9".to_owned());
        }
        let mut line = entry(350, "");
        line.said.text = Some("card payments SETTLE-9 of yesterday".to_owned());
        assert_eq!(names(&[line.clone()], &parts), [("SETTLEMENT", vec![1, 2])]);
        line.amount = 351;
        assert_eq!(names(&[line], &parts), [("AMOUNT_DIFFERS", vec![])]);
    }

    #[test]
    fn amount_and_date_decide_only_when_nothing_else_could_be_meant() {
        assert_eq!(
            names(&[entry(100, "")], &[candidate(1, 100)]),
            [("AMOUNT_AND_DATE", vec![1])]
        );
        assert_eq!(
            names(&[entry(100, "")], &[candidate(1, 100), candidate(2, 100)]),
            [("AMBIGUOUS", vec![])]
        );
        assert_eq!(
            names(&[entry(100, ""), entry(100, "")], &[candidate(1, 100)]),
            [("AMBIGUOUS", vec![]), ("AMBIGUOUS", vec![])]
        );
        assert_eq!(
            names(&[entry(-100, "")], &[candidate(1, 100)]),
            [("NOTHING_LIKE_IT", vec![])]
        );
        for (since, found) in [
            ("2026-11-22", false),
            ("2026-11-21", true),
            ("2026-11-15", true),
            ("2026-11-14", false),
            ("2026-10-18", false),
        ] {
            let mut early = candidate(1, 100);
            early.since = day(since);
            assert_eq!(
                decide(&[entry(100, "")], &[early])[0].candidates.len() == 1,
                found,
                "{since}"
            );
        }
    }

    #[test]
    fn what_came_back_is_for_a_person() {
        let mut line = entry(-500, &Uuid::from_u128(7).simple().to_string());
        line.is_return = true;
        assert_eq!(
            names(&[line], &[candidate(7, -500)]),
            [("RETURNED", vec![])]
        );
    }

    prop_compose! {
        fn any_entry()(signed in prop::sample::select(vec![-2_i64, -1, 1, 2]), reference in 0_u128..6, is_return in prop::bool::weighted(0.1)) -> Entry {
            let reference = if reference == 0 { String::new() } else { Uuid::from_u128(reference).simple().to_string() };
            Entry { is_return, ..entry(signed, &reference) }
        }
    }

    prop_compose! {
        fn any_candidates()(given in prop::collection::vec((prop::sample::select(vec![-2_i64, -1, 1, 2]), prop::option::of(0_u8..2)), 0..6)) -> Vec<Candidate> {
            given.into_iter().zip(1_u128..).map(|((signed, settlement), id)| Candidate {
                settlement: settlement.map(|name| name.to_string()),
                ..candidate(id, signed)
            }).collect()
        }
    }

    proptest! {
        #[test]
        fn every_entry_is_decided_and_nothing_is_found_twice(
            entries in prop::collection::vec(any_entry(), 0..8),
            candidates in any_candidates(),
        ) {
            let decisions = decide(&entries, &candidates);
            prop_assert_eq!(decisions.len(), entries.len());
            prop_assert_eq!(&decisions, &decide(&entries, &candidates));
            let mut found = BTreeSet::new();
            for (entry, decision) in entries.iter().zip(&decisions) {
                let mut total = 0;
                for id in &decision.candidates {
                    prop_assert!(found.insert(*id), "found twice");
                    let candidate = candidates.iter().find(|c| c.id == *id).unwrap();
                    prop_assert_eq!(candidate.direction, entry.direction);
                    total += candidate.amount;
                }
                prop_assert!(decision.candidates.is_empty() || total == entry.amount);
                prop_assert!(decision.candidates.is_empty() || !entry.is_return);
            }
        }
    }
}
