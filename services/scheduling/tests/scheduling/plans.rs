//! The statements of the hot paths are planned once and not with every call, and
//! their plans read no more than they need.

use galen_kernel::Clock;
use galen_scheduling::appointment::model::{Appointment, Status};
use galen_scheduling::interval::Interval;
use galen_scheduling::option::store::{Wanted, page};
use galen_scheduling::service_type::{PaymentMode, ServiceType};
use jiff::SignedDuration;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::hospital::{Hospital, at, minutes};

/// A few hundred practitioners, a week of shifts, some thousand bookings.
async fn fill(db: &mut PgConnection) {
    for sql in [
        "insert into practitioner select gen_random_uuid(), 'Cardiology', 'cardiology', 'Ward', true from generate_series(1, 300)",
        "insert into roster
         select d, p.id, false, false, d + time '08:00' at time zone 'UTC', d + time '16:00' at time zone 'UTC'
         from practitioner p, generate_series(date '2026-03-02', date '2026-03-08', interval '1 day') g (t), lateral (select t::date) x (d)",
        "with booked as (
             insert into appointment (id, patient_id, practitioner_id, start_at, end_at, service_type, payment_mode, status, booked_at)
             select gen_random_uuid(), gen_random_uuid(), r.practitioner_id, r.start_at + n * interval '1 hour',
                    r.start_at + n * interval '1 hour' + interval '30 minutes', 'CONSULTATION', 'SELF_PAY', 'BOOKED', now()
             from roster r, generate_series(0, 4) n
             returning *
         )
         insert into claim (id, kind, practitioner_id, patient_id, start_at, end_at)
         select id, 'APPOINTMENT', practitioner_id, patient_id, start_at, end_at from booked",
        "analyze",
    ] {
        sqlx::query(sql).execute(&mut *db).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
}

/// How often the statements that contain a text ran with the plan that is kept, and
/// how often with one made for the call.
async fn plans(db: &mut PgConnection, text: &'static str) -> (i64, i64) {
    sqlx::query_as(
        "select coalesce(sum(generic_plans), 0)::bigint, coalesce(sum(custom_plans), 0)::bigint
         from pg_prepared_statements where position($1 in statement) > 0 and position('pg_prepared' in statement) = 0",
    )
    .bind(text)
    .fetch_one(db)
    .await
    .expect("the statements are listed")
}

#[tokio::test]
async fn a_page_of_options_and_a_booking_keep_their_plans() {
    let hospital = Hospital::open().await;
    let mut db = hospital
        .platform
        .db
        .pool()
        .acquire()
        .await
        .expect("a connection");
    fill(&mut db).await;
    let now = hospital.clock.now();
    for key in [None, Some("cardiology")] {
        for n in 0..20 {
            let during =
                Interval::lasting(at(3, 8, 0) + minutes(15 * n), minutes(30)).expect("lasts");
            let wanted = Wanted {
                during,
                service: ServiceType::Consultation,
                specialty_key: key,
                after: Uuid::nil(),
                limit: 50,
            };
            let sheet = page(&mut *db, &wanted, now).await.expect("a page");
            assert_eq!((sheet.page.len(), sheet.present.len()), (51, 51));
        }
    }
    let (kept, made) = plans(&mut db, "as busy").await;
    assert_eq!(
        (kept, made),
        (30, 10),
        "five calls of each statement to compare, then its plan is kept"
    );

    for n in 0..20 {
        let booked = appointment(&hospital.clock, n);
        let taken = galen_scheduling::appointment::store::insert(&mut db, &booked, None, now)
            .await
            .expect("inserted");
        assert!(taken);
    }
    let (kept, made) = plans(&mut db, "as exchanged").await;
    assert_eq!((kept, made), (15, 5), "the plan of a booking is kept");
}

fn appointment(clock: &Clock, n: i64) -> Appointment {
    let start = at(5, 18, 0) + SignedDuration::from_mins(n);
    Appointment {
        id: clock.id(),
        patient: clock.id(),
        practitioner: clock.id(),
        during: Interval::lasting(start, minutes(30)).expect("lasts"),
        service_type: ServiceType::Consultation,
        payment_mode: PaymentMode::SelfPay,
        reason: None,
        status: Status::Booked,
        ground_lost: None,
        cancellation: None,
        replaces: None,
        replaced_by: None,
        series: None,
        booked_by: None,
        booked_at: start,
        pricing: galen_scheduling::price::Pricing::Unpriced,
        version: 1,
    }
}
