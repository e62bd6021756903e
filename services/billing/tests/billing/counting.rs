//! What is counted under contracts, by many at once.

use futures::future::join_all;
use galen_billing::cover::{Cover, CoverError, Service, lock, policies, post, reverse, work_out};
use galen_contracts::ids::PatientId;
use galen_kernel::Money;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::hospital::{Hospital, NOW};

/// A hundred before the plan pays, then a fifth.
fn deductible() -> (Value, Value) {
    let accumulators = json!([{ "id": "deductible", "kind": "DEDUCTIBLE", "period": "YEAR", "individual": 10_000, "family": 15_000 }]);
    let steps = json!([{ "op": "DEDUCTIBLE", "accumulator": "deductible" }, { "op": "COINSURANCE", "patient": "20" }]);
    (accumulators, steps)
}

fn service(cents: i64) -> Service {
    Service {
        sequence: 1,
        at: NOW.parse().expect("an instant"),
        code: "CONSULTATION".to_owned(),
        category: String::new(),
        visit: "v".to_owned(),
        class: "AMB".to_owned(),
        quantity: 1,
        charge: Money {
            minor: cents,
            currency: "EUR".parse().expect("a currency"),
        },
        agreed: Vec::new(),
    }
}

async fn covers(hospital: &Hospital, patient: PatientId) -> Vec<Cover> {
    let today = "2026-03-02".parse().expect("a day");
    policies(&hospital.billing, patient, today)
        .await
        .expect("an answer")
}

/// Claims one service and counts it; what was taken of the deductible.
async fn claim(
    hospital: &Hospital,
    covers: &[Cover],
    cents: i64,
    id: Uuid,
    locks: bool,
) -> Result<i64, CoverError> {
    let mut tx = hospital.db.begin().await?;
    if locks {
        lock(&mut tx, covers).await?;
    }
    let shares = work_out(&mut tx, hospital.clock.now(), covers, &[service(cents)]).await?;
    for part in &shares.parts {
        post(&mut tx, id, part).await?;
    }
    tx.commit().await?;
    Ok(shares.lines[0].owed.deductible)
}

async fn left(hospital: &Hospital, covers: &[Cover]) -> i64 {
    let mut db = hospital.db.pool().acquire().await.expect("a connection");
    let shares = work_out(&mut db, hospital.clock.now(), covers, &[service(1_000_000)]).await;
    shares.expect("an answer").lines[0].owed.deductible
}

#[tokio::test]
async fn twenty_claims_at_once_never_take_more_than_the_deductible() {
    let hospital = Hospital::open().await;
    let (accumulators, steps) = deductible();
    hospital.plan("p", accumulators, steps).await;
    let patient = hospital.patient();
    hospital.insure(patient, "p", 'a');
    let covers = covers(&hospital, patient).await;
    let claims = (0..20).map(|_| claim(&hospital, &covers, 3_000, hospital.clock.uuid(), true));
    let taken: Vec<i64> = join_all(claims)
        .await
        .into_iter()
        .map(|taken| taken.expect("counted"))
        .collect();
    assert_eq!(taken.iter().sum::<i64>(), 10_000, "{taken:?}");
    assert_eq!(
        taken.iter().filter(|cents| **cents == 3_000).count(),
        3,
        "{taken:?}"
    );
    assert_eq!(left(&hospital, &covers).await, 0);
    hospital.is_sound().await;
}

#[tokio::test]
async fn who_did_not_lock_is_told_that_something_moved_and_can_try_again() {
    let hospital = Hospital::open().await;
    let (accumulators, steps) = deductible();
    hospital.plan("p", accumulators, steps).await;
    let patient = hospital.patient();
    hospital.insure(patient, "p", 'a');
    let covers = covers(&hospital, patient).await;
    let claims = (0..8).map(|_| async {
        let (id, mut tries) = (hospital.clock.uuid(), 0);
        loop {
            tries += 1;
            match claim(&hospital, &covers, 3_000, id, false).await {
                Ok(taken) => return taken,
                Err(CoverError::Moved) if tries < 50 => {}
                Err(error) => panic!("{error}"),
            }
        }
    });
    let taken: i64 = join_all(claims).await.iter().sum();
    assert_eq!(taken, 10_000);
}

#[tokio::test]
async fn what_is_taken_back_counts_for_nothing_and_a_claim_counts_once() {
    let hospital = Hospital::open().await;
    let (accumulators, steps) = deductible();
    hospital.plan("p", accumulators, steps).await;
    let patient = hospital.patient();
    hospital.insure(patient, "p", 'a');
    let covers = covers(&hospital, patient).await;
    let undo = async |id| {
        let mut tx = hospital.db.begin().await.expect("a transaction");
        let done = reverse(&mut tx, id).await.expect("an answer");
        tx.commit().await.expect("a commit");
        done
    };
    let (first, second) = (hospital.clock.uuid(), hospital.clock.uuid());
    assert_eq!(
        claim(&hospital, &covers, 4_000, first, true)
            .await
            .expect("counted"),
        4_000
    );
    let again = claim(&hospital, &covers, 4_000, first, true).await;
    assert!(matches!(again, Err(CoverError::Counted)), "{again:?}");
    let before = left(&hospital, &covers).await;
    for cents in [1, 999, 5_000, 100_000] {
        claim(&hospital, &covers, cents, second, true)
            .await
            .expect("counted");
        assert!(left(&hospital, &covers).await < before);
        assert!(undo(second).await);
        assert_eq!(left(&hospital, &covers).await, before, "as it was");
    }
    assert!(!undo(second).await, "once");
    assert!(undo(first).await);
    assert_eq!(left(&hospital, &covers).await, 10_000);
    hospital.is_sound().await;
}

#[tokio::test]
async fn a_family_counts_together_and_a_merged_record_with_its_person() {
    let hospital = Hospital::open().await;
    let (accumulators, steps) = deductible();
    hospital.plan("p", accumulators, steps).await;
    let (anna, ben, twin) = (hospital.patient(), hospital.patient(), hospital.patient());
    for patient in [anna, ben, twin] {
        hospital.insure(patient, "p", 'a');
    }
    let other = hospital.patient();
    hospital.insure(other, "p", 'b');
    let of = async |patient| covers(&hospital, patient).await;
    let id = || hospital.clock.uuid();
    let annas = of(anna).await;
    assert_eq!(
        claim(&hospital, &annas, 9_000, id(), true)
            .await
            .expect("counted"),
        9_000
    );
    assert_eq!(left(&hospital, &annas).await, 1_000, "her own");
    let bens = of(ben).await;
    assert_eq!(
        left(&hospital, &bens).await,
        6_000,
        "what is left for the family"
    );
    assert_eq!(
        left(&hospital, &of(other).await).await,
        10_000,
        "another contract"
    );

    let twins = of(twin).await;
    claim(&hospital, &twins, 500, id(), true)
        .await
        .expect("counted");
    hospital.merge(twin, anna);
    assert_eq!(
        left(&hospital, &of(anna).await).await,
        500,
        "what her other record had counts"
    );
    assert_eq!(
        left(&hospital, &of(twin).await).await,
        500,
        "whichever of them is asked"
    );
}

#[tokio::test]
async fn a_plan_that_is_not_in_the_catalogue_pays_nothing_and_one_contract_pays_once() {
    let hospital = Hospital::open().await;
    hospital
        .plan(
            "p",
            json!([]),
            json!([{ "op": "COINSURANCE", "patient": "20" }]),
        )
        .await;
    let patient = hospital.patient();
    hospital.insure(patient, "unheard-of", 'c');
    hospital.insure(patient, "p", 'a');
    hospital.insure(patient, "p", 'a');
    let covers = covers(&hospital, patient).await;
    let plans: Vec<&str> = covers.iter().map(|cover| cover.plan.id.as_str()).collect();
    assert_eq!(plans, ["p"]);
    let nobody = policies(
        &hospital.billing,
        hospital.clock.id(),
        "2026-03-02".parse().expect("a day"),
    )
    .await;
    assert!(matches!(nobody, Err(CoverError::UnknownPatient)));
}
