//! Many at the same time: what must happen once happens once.

use std::collections::HashMap;

use futures::future::join_all;
use galen_contracts::ids::{PatientId, PractitionerId};
use galen_kernel::Timestamp;
use galen_scheduling::Scheduling;
use galen_service::testing::{Reply, TestCaller};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::json;

use crate::hospital::{Hospital, at, minutes, order};

fn count(replies: &[Reply]) -> HashMap<(u16, Option<String>), usize> {
    let mut counts = HashMap::new();
    for reply in replies {
        *counts
            .entry((reply.status.as_u16(), reply.code().map(str::to_owned)))
            .or_default() += 1;
    }
    counts
}

/// Books, and asks again while a neighbour is too busy to answer: on a loaded machine
/// two hundred questions at once can take longer than their deadline.
async fn insist(desk: TestCaller, wish: serde_json::Value) -> Reply {
    loop {
        let reply = desk.post("/appointments", wish.clone()).await;
        if reply.code() != Some("DEPENDENCY_TIMEOUT") {
            return reply;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_who_want_one_slot_exactly_one_gets_it() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    for round in 0..4 {
        let start = at(2, 9, 0) + minutes(30 * round);
        let wishes = (0..200).map(|_| {
            let (desk, wish) = (
                hospital.desk(),
                order(hospital.patient(), practitioner, start, 30),
            );
            tokio::spawn(insist(desk, wish))
        });
        let replies: Vec<Reply> = join_all(wishes)
            .await
            .into_iter()
            .map(|joined| joined.expect("no panic"))
            .collect();
        let wanted = HashMap::from([
            ((201, None), 1),
            ((409, Some("SLOT_TAKEN".to_owned())), 199),
        ]);
        assert_eq!(count(&replies), wanted, "round {round}");
    }
    hospital.settle().await;
    hospital.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patient_who_books_everywhere_at_once_is_booked_once() {
    let hospital = Hospital::open().await;
    let patient = hospital.patient();
    let mut practitioners = Vec::new();
    for _ in 0..8 {
        practitioners.push(hospital.practitioner().await);
    }
    let wishes = practitioners
        .iter()
        .map(|practitioner| hospital.book(patient, *practitioner, at(2, 9, 0)));
    let wanted = HashMap::from([
        ((201, None), 1),
        ((409, Some("PATIENT_BUSY".to_owned())), 7),
    ]);
    assert_eq!(count(&join_all(wishes).await), wanted);
    hospital.verify().await;
}

/// What is wanted: whose (by place in a list), with whom, from which five minutes on, for how many.
type Wish = (usize, usize, i64, i64);

fn wishes() -> Vec<Wish> {
    let wish = (0_usize..6, 0_usize..3, 0_i64..84, 1_i64..9);
    let all = prop::collection::vec(wish, 150).new_tree(&mut TestRunner::deterministic());
    all.expect("a strategy without rejections").current()
}

fn interval((_, _, from, long): &Wish) -> (Timestamp, i64) {
    (
        at(2, 8, 0) + minutes(from * 5),
        (long * 5).min((96 - from) * 5),
    )
}

struct Cast {
    patients: Vec<PatientId>,
    practitioners: Vec<PractitionerId>,
}

async fn cast(hospital: &Hospital) -> Cast {
    let patients = (0..6).map(|_| hospital.patient()).collect();
    let mut practitioners = Vec::new();
    for _ in 0..3 {
        practitioners.push(hospital.practitioner().await);
    }
    Cast {
        patients,
        practitioners,
    }
}

impl Cast {
    fn order(&self, wish: &Wish) -> serde_json::Value {
        let (start, long) = interval(wish);
        order(
            self.patients[wish.0],
            self.practitioners[wish.1],
            start,
            long,
        )
    }
}

#[tokio::test]
async fn random_bookings_are_judged_as_a_simple_model_judges_them() {
    let hospital = Hospital::open().await;
    let cast = cast(&hospital).await;
    let desk = hospital.desk();
    let mut agenda: Vec<Wish> = Vec::new();
    for wish in wishes() {
        let (start, long) = interval(&wish);
        let overlaps = |other: &&Wish| {
            let (from, other_long) = interval(other);
            from < start + minutes(long) && start < from + minutes(other_long)
        };
        let in_the_way: Vec<&Wish> = agenda.iter().filter(overlaps).collect();
        let wanted = if in_the_way.iter().any(|other| other.1 == wish.1) {
            Some("SLOT_TAKEN")
        } else if in_the_way.iter().any(|other| other.0 == wish.0) {
            Some("PATIENT_BUSY")
        } else {
            None
        };
        let reply = desk.post("/appointments", cast.order(&wish)).await;
        assert_eq!(reply.code(), wanted, "{wish:?}: {}", reply.body);
        if wanted.is_none() {
            agenda.push(wish);
        }
    }
    assert!(agenda.len() > 10, "the sample books something");
    hospital.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_bookings_at_the_same_time_leave_a_possible_agenda_without_gaps() {
    let hospital = Hospital::open().await;
    let cast = cast(&hospital).await;
    let desk = hospital.desk();
    let wishes = wishes();
    let replies = join_all(
        wishes
            .iter()
            .map(|wish| desk.post("/appointments", cast.order(wish))),
    )
    .await;
    assert!(
        replies
            .iter()
            .all(|reply| matches!(reply.status.as_u16(), 201 | 409)),
        "{:?}",
        count(&replies)
    );
    let booked: Vec<&Wish> = wishes
        .iter()
        .zip(&replies)
        .filter(|(_, reply)| reply.status == 201)
        .map(|(wish, _)| wish)
        .collect();
    for (wish, reply) in wishes
        .iter()
        .zip(&replies)
        .filter(|(_, reply)| reply.status == 409)
    {
        let (start, long) = interval(wish);
        let in_the_way = booked.iter().any(|other| {
            let (from, other_long) = interval(other);
            (other.0 == wish.0 || other.1 == wish.1)
                && from < start + minutes(long)
                && start < from + minutes(other_long)
        });
        assert!(
            in_the_way,
            "{wish:?} was refused for nothing: {}",
            reply.body
        );
    }
    hospital.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_steps_at_once_each_transition_happens_once() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    for _ in 0..5 {
        let id = hospital
            .booked(hospital.patient(), practitioner, at(2, 9, 0))
            .await;
        let desk = hospital.desk();
        let there = json!({ "start": at(2, 10, 0), "end": at(2, 10, 30) });
        let verbs = [
            ("cancel", json!({})),
            ("confirm", json!(null)),
            ("reschedule", there),
        ];
        let steps = verbs.iter().cycle().take(18).map(|(verb, body)| {
            let (desk, path, body) = (
                desk.clone(),
                format!("/appointments/{id}/{verb}"),
                body.clone(),
            );
            async move { desk.post(&path, body).await }
        });
        let replies = join_all(steps).await;
        let ended = replies
            .iter()
            .filter(|reply| reply.status.is_success() && reply.body["status"] != "CONFIRMED")
            .count();
        assert_eq!(ended, 1, "{:?}", count(&replies));
        let others = |reply: &&Reply| !matches!(reply.status.as_u16(), 200 | 201 | 409);
        assert_eq!(replies.iter().find(others).map(|reply| &reply.body), None);
        hospital.verify().await;
        let status = hospital.appointment(&id).await["status"].clone();
        assert!(status == "CANCELLED" || status == "RESCHEDULED", "{status}");
        if status == "RESCHEDULED" {
            let next = hospital.appointment(&id).await["replacedById"]
                .as_str()
                .expect("a successor")
                .to_owned();
            let cancelled = desk
                .post(&format!("/appointments/{next}/cancel"), json!({}))
                .await;
            assert_eq!(cancelled.status, 200, "{}", cancelled.body);
        }
    }
    hospital.settle().await;
    hospital.verify().await;
}

#[test]
fn every_invariant_is_checked_by_a_query_with_a_name_of_its_own() {
    let names: std::collections::HashSet<&str> = <Scheduling as galen_service::Service>::checks()
        .iter()
        .map(|check| check.name)
        .collect();
    assert_eq!(
        names.len(),
        <Scheduling as galen_service::Service>::checks().len()
    );
}
