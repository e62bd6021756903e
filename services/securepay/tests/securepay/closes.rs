//! What is written down at the end of each day.

use galen_access::Role;
use galen_kernel::Clock;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::bank::statement;
use crate::house::House;

fn dates(items: &Value) -> Vec<&str> {
    let items = items.as_array().expect("items").iter();
    items
        .map(|close| close["date"].as_str().expect("a date"))
        .collect()
}

#[tokio::test]
async fn days_are_closed_once_and_what_was_missed_is_made_up_for() {
    let clock = Clock::manual("2026-11-20T23:59:59.5Z".parse().expect("an instant"));
    let house = House::with(clock.clone(), &[]).await;
    let billing = house.api.as_role(Role::Billing);
    assert_eq!(
        house.run("securepay.close_days").await,
        0,
        "nothing happened"
    );
    house.import(&statement("1", 0, &[10_000])).await;
    house.run("securepay.book_statements").await;
    clock.advance(SignedDuration::from_secs(1));
    house.import(&statement("2", 10_000, &[500])).await;
    house.run("securepay.book_statements").await;

    let early = billing
        .post("/ledger/daily-closes", json!({ "date": "2026-11-20" }))
        .await;
    assert_eq!(
        (early.status, early.code()),
        (StatusCode::CONFLICT, Some("DAY_NOT_OVER"))
    );
    assert_eq!(house.run("securepay.close_days").await, 0);
    clock.advance(SignedDuration::from_mins(15));
    assert_eq!(house.run("securepay.close_days").await, 1);
    assert_eq!(house.run("securepay.close_days").await, 0);

    let billing = house.api.as_role(Role::Billing);
    let first = billing.get("/ledger/daily-closes?to=2026-11-20").await;
    let first = &first.body["items"][0];
    assert_eq!(first["date"], "2026-11-20");
    assert_eq!(first["before"], "2026-11-21T00:00:00Z");
    assert_eq!(first["debits"]["amount"], "100.00", "not what came later");
    assert_eq!(
        first["reconciliation"]["suspense"]["lines"]["amount"],
        "100.00"
    );
    assert_eq!(first["reconciliation"]["agrees"], json!(true), "{first}");
    assert_eq!(first["link"].as_str().map(str::len), Some(64));

    // The hospital was shut down for days.
    clock.advance(SignedDuration::from_hours(24 * 4));
    assert_eq!(house.run("securepay.close_days").await, 4);
    let caller = house.api.as_role(Role::Billing);
    let page = caller.get("/ledger/daily-closes?limit=3").await;
    assert_eq!(
        dates(&page.body["items"]),
        ["2026-11-20", "2026-11-21", "2026-11-22"]
    );
    assert_eq!(&page.body["items"][0], first, "it does not change");
    let cursor = page.body["nextCursor"].as_str().expect("there is more");
    let page = caller
        .get(&format!("/ledger/daily-closes?limit=3&cursor={cursor}"))
        .await;
    assert_eq!(dates(&page.body["items"]), ["2026-11-23", "2026-11-24"]);
    assert_eq!(page.body["items"][0]["debits"]["amount"], "105.00");
    let by_hand = caller
        .post("/ledger/daily-closes", json!({ "date": "2026-11-20" }))
        .await;
    assert_eq!(&by_hand.body["items"][0], first);
    clock.advance(SignedDuration::from_hours(48));
    let caller = house.api.as_role(Role::Billing);
    let by_hand = caller
        .post("/ledger/daily-closes", json!({ "date": "2026-11-26" }))
        .await;
    assert_eq!(dates(&by_hand.body["items"]), ["2026-11-26"]);
    assert_eq!(
        house.number("select count(*) from daily_close").await,
        7,
        "and the day before"
    );
    assert_eq!(house.wrong().await, Vec::<String>::new());

    // Nobody changes a close, and whoever does all the same is found.
    let refused = sqlx::query("update daily_close set closed_at = now()")
        .execute(house.db.pool())
        .await;
    assert!(refused.is_err());
    house
        .by_force(
            "set search_path = securepay; alter table daily_close disable trigger append_only;
             update daily_close set kinds = replace(kinds::text, '10500', '10600')::jsonb where day = '2026-11-23';
             update daily_close set link = decode(repeat('11', 32), 'hex') where day = '2026-11-21'"
                .to_owned(),
        )
        .await;
    let wrong = house.wrong().await;
    assert!(
        wrong
            .iter()
            .any(|text| text.starts_with("the close of 2026-11-23 in EUR differs in BANK")),
        "{wrong:?}"
    );
    assert!(
        wrong.contains(&"the close of 2026-11-21 in EUR".to_owned()),
        "{wrong:?}"
    );
}

#[tokio::test]
async fn the_books_are_shown_as_they_were_at_any_instant() {
    let clock = Clock::manual("2026-11-20T12:00:00Z".parse().expect("an instant"));
    let house = House::with(clock.clone(), &[]).await;
    let mut opening = 0;
    for (name, amount) in [("1", 100), ("2", -30), ("3", 5)] {
        house.import(&statement(name, opening, &[amount])).await;
        house.run("securepay.book_statements").await;
        opening += amount;
        clock.advance(SignedDuration::from_mins(1));
    }
    let caller = house.api.as_role(Role::Auditor);
    for (at, debits, balance) in [
        ("11:59:59.999999", None, None),
        ("12:00:00", Some("1.00"), Some("-1.00")),
        ("12:00:59", Some("1.00"), Some("-1.00")),
        ("12:01:00", Some("1.30"), Some("-0.70")),
        ("12:02:30", Some("1.35"), Some("-0.75")),
    ] {
        let reply = caller
            .get(&format!("/ledger/trial-balance?at=2026-11-20T{at}Z"))
            .await;
        let euros = &reply.body["currencies"][0];
        assert_eq!(euros["balanced"], json!(true), "{:?}", reply.body);
        assert_eq!(euros["debits"]["amount"], debits.unwrap_or("0.00"), "{at}");
        assert_eq!(euros["kinds"][0]["kind"], "BANK");
        assert_eq!(
            euros["kinds"][0]["balance"]["amount"],
            balance.unwrap_or("0.00"),
            "{at}"
        );
        let opened = i64::from(debits.is_some());
        assert_eq!(euros["kinds"][0]["accounts"], opened, "{at}");
    }
    for at in ["2026-11-21T00:00:00Z", "1969-01-01T00:00:00Z"] {
        let reply = caller.get(&format!("/ledger/trial-balance?at={at}")).await;
        assert_eq!(reply.pointers(), ["?at"], "{at}");
    }
    let reply = caller.get("/ledger/reconciliation?date=2026-11-19").await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.body["currencies"][0]["bank"], json!([]));
    let reply = caller.get("/ledger/reconciliation?date=2026-11-21").await;
    assert_eq!(reply.pointers(), ["?date"]);
}
