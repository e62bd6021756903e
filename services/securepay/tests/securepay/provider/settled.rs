//! What payment providers brought and took, as the bank shows it.

use serde_json::json;
use uuid::Uuid;

use super::counter::Counter;
use crate::bank::statement_of;

#[tokio::test]
async fn settlements_and_payouts_are_found_on_the_statement() {
    let counter = Counter::open().await;
    let house = &counter.house;
    let first = counter.top_up("4040.00").await;
    counter.top_up("4040.00").await;
    counter.works().await;
    let payout = counter.pay_out("4040.00").await;
    counter.works().await;
    counter.payout_is(&payout, "CAPTURED").await;
    let report = house.report().await;
    assert_eq!(report["clearing"]["books"]["amount"], "-4040.00");
    assert_eq!(report["clearing"]["difference"]["amount"], "0.00");

    let reference = |id: &str| {
        let id: Uuid = id.parse().expect("an id");
        id.simple().to_string()
    };
    let day = house.platform.clock.now().to_string()[..10].to_owned();
    let (first, paid) = (reference(&first), reference(&payout));
    // Both by their ids; then the one that is left by its amount; then a stranger's.
    let entries = [
        (404_000, first.as_str()),
        (-404_000, paid.as_str()),
        (404_000, ""),
        (1, ""),
    ];
    let reply = house.import(&statement_of("1", &day, 0, &entries)).await;
    assert_eq!(
        (&reply.body["matched"], &reply.body["unmatched"]),
        (&json!(3), &json!(1)),
        "{:?}",
        reply.body
    );
    house.run("securepay.book_statements").await;
    let lines = house.lines("").await;
    let because: Vec<_> = lines.iter().map(|line| &line["because"]).collect();
    assert_eq!(
        because,
        [
            "END_TO_END_ID",
            "END_TO_END_ID",
            "AMOUNT_AND_DATE",
            "NOTHING_LIKE_IT"
        ]
    );
    assert_eq!(lines[1]["found"], json!([payout]));
    let report = house.report().await;
    assert_eq!(report["clearing"]["books"]["amount"], "0.00");
    assert_eq!(report["clearing"]["explained"]["amount"], "0.00");
    assert_eq!(report["suspense"]["books"]["amount"], "0.01");
    assert_eq!(report["agrees"], json!(true), "{report}");
    counter.is_sound().await;
}
