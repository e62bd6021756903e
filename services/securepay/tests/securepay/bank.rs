//! Statements of banks, from the document to the books.

use futures::future::join_all;
use galen_access::Role;
use galen_contracts::patients::v1::PatientErased;
use galen_kernel::Clock;
use galen_securepay::CHECKS;
use galen_securepay::account::{self, Kind, Owner};
use galen_service::Service as _;
use galen_service::testing::Reply;
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::house::House;

const OLD: &str = include_str!("../../src/reconciliation/testdata/camt.053.001.02.xml");

impl House {
    pub(crate) async fn import(&self, document: &str) -> Reply {
        self.api
            .as_role(Role::Billing)
            .with_header(header::CONTENT_TYPE, "application/xml")
            .send(
                Method::POST,
                "/api/v1/bank-statements",
                document.to_owned().into(),
            )
            .await
    }

    /// Runs a job once.
    pub(crate) async fn run(&self, job: &str) -> u64 {
        let jobs = self.service.jobs();
        let job = jobs.iter().find(|known| known.name() == job);
        let job = job.expect("there is such a job");
        job.run_once().await.expect("it works")
    }

    /// What `galen verify` finds.
    pub(crate) async fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for check in CHECKS {
            let found: Vec<String> = sqlx::query_scalar(check.sql)
                .fetch_all(self.db.pool())
                .await
                .unwrap_or_else(|error| panic!("{}: {error}", check.name));
            wrong.extend(found);
        }
        wrong
    }

    pub(crate) async fn by_force(&self, sql: String) {
        let pool = sqlx::PgPool::connect_with(self.database.admin())
            .await
            .expect("the database answers");
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&pool)
            .await
            .expect("the database answers");
    }

    pub(crate) async fn wallet(&self) -> Uuid {
        let mut connection = self.db.pool().acquire().await.expect("a connection");
        let owner = Owner::Patient(Uuid::now_v7());
        let euro = "EUR".parse().expect("a currency");
        account::open(&mut connection, self.db.clock(), Kind::Wallet, owner, euro)
            .await
            .expect("the database answers")
            .public_id
            .uuid()
    }

    /// Balances by kind, in euros.
    pub(crate) async fn balances(&self) -> Value {
        let reply = self
            .api
            .as_role(Role::Billing)
            .get("/ledger/trial-balance")
            .await;
        assert_eq!(reply.status, StatusCode::OK, "{:?}", reply.body);
        let euros = &reply.body["currencies"][0];
        assert_eq!(euros["balanced"], json!(true));
        let kinds = euros["kinds"].as_array().expect("kinds").iter();
        kinds
            .map(|kind| {
                let name = kind["kind"].as_str().expect("a name").to_owned();
                (name, kind["balance"]["amount"].clone())
            })
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    pub(crate) async fn report(&self) -> Value {
        let reply = self
            .api
            .as_role(Role::Billing)
            .get("/ledger/reconciliation")
            .await;
        assert_eq!(reply.status, StatusCode::OK, "{:?}", reply.body);
        reply.body["currencies"][0].clone()
    }

    pub(crate) async fn lines(&self, query: &str) -> Vec<Value> {
        let path = format!("/bank-statements/lines?{query}");
        let reply = self.api.as_role(Role::Auditor).get(&path).await;
        assert_eq!(reply.status, StatusCode::OK, "{:?}", reply.body);
        reply.body["items"].as_array().expect("items").clone()
    }
}

/// A statement of one entry for each amount, as a bank would write it.
pub(crate) fn statement(id: &str, opening: i64, amounts: &[i64]) -> String {
    let entries: Vec<(i64, &str)> = amounts.iter().map(|amount| (*amount, "")).collect();
    statement_of(id, "2026-11-20", opening, &entries)
}

/// A statement of a day, of entries with end-to-end ids.
pub(crate) fn statement_of(id: &str, day: &str, opening: i64, entries: &[(i64, &str)]) -> String {
    let amount = |minor: i64| {
        format!(
            "<Amt Ccy=\"EUR\">{}.{:02}</Amt><CdtDbtInd>{}</CdtDbtInd>",
            minor.abs() / 100,
            minor.abs() % 100,
            if minor < 0 { "DBIT" } else { "CRDT" }
        )
    };
    let balance = |code: &str, minor: i64| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{}<Dt><Dt>{day}</Dt></Dt></Bal>",
            amount(minor)
        )
    };
    let lines: String = entries
        .iter()
        .map(|(minor, reference)| {
            format!(
                "<Ntry>{}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt>\
                 <NtryDtls><TxDtls><Refs><EndToEndId>{reference}</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>",
                amount(*minor)
            )
        })
        .collect();
    format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt><GrpHdr><MsgId>{id}</MsgId></GrpHdr>\
         <Stmt><Id>{id}</Id><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct>{}{}{lines}</Stmt></BkToCstmrStmt></Document>",
        balance("OPBD", opening),
        balance(
            "CLBD",
            opening + entries.iter().map(|(minor, _)| minor).sum::<i64>()
        )
    )
}

#[tokio::test]
async fn a_statement_is_booked_and_the_books_are_what_the_bank_says() {
    let house = House::open().await;
    let reply = house.import(OLD).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{:?}", reply.body);
    let id = reply.body["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        reply.header("location"),
        Some(format!("/api/v1/bank-statements/{id}").as_str())
    );
    assert_eq!(reply.body["account"], "DE89370400440532013000");
    assert_eq!(
        reply.body["closing"],
        json!({ "amount": "1139.41", "currency": "EUR" })
    );
    assert_eq!(
        (&reply.body["matched"], &reply.body["unmatched"]),
        (&json!(0), &json!(3))
    );
    // Not booked yet: that is a difference, and it is shown.
    let before = house.report().await;
    assert_eq!(before["agrees"], json!(false));
    assert_eq!(before["bank"][0]["difference"]["amount"], "-1139.41");

    assert_eq!(house.run("securepay.book_statements").await, 4);
    let balances = house.balances().await;
    assert_eq!(balances["BANK"], "-1139.41", "the bank owes it");
    assert_eq!(balances["EQUITY"], "1000.00");
    assert_eq!(balances["SUSPENSE"], "139.41");
    let report = house.report().await;
    assert_eq!(report["bank"][0]["difference"]["amount"], "0.00");
    assert_eq!(report["suspense"]["lines"]["amount"], "139.41");
    assert_eq!(report["agrees"], json!(true), "{report}");

    let lines = house.lines(&format!("statementId={id}")).await;
    assert_eq!(lines.len(), 3);
    let transfer = lines
        .iter()
        .find(|line| line["number"] == 1)
        .expect("the first one");
    assert_eq!(transfer["party"], "Erika Mustermann & Sohn");
    assert_eq!(transfer["text"], "Rechnung 4711\ndanke");
    assert_eq!(transfer["because"], "NOTHING_LIKE_IT");
    assert_eq!(transfer["direction"], "IN");
    let returned = lines
        .iter()
        .find(|line| line["number"] == 3)
        .expect("the last one");
    assert_eq!(
        (&returned["because"], &returned["direction"]),
        (&json!("RETURNED"), &json!("OUT"))
    );
    assert!(house.lines("status=MATCHED").await.is_empty());
    assert_eq!(house.lines("status=UNMATCHED&limit=2").await.len(), 2);
    // Names and texts of people are sealed.
    let plain = house
        .number("select count(*) from bank_line l where l::text ~ 'Mustermann|4711' or encode(said, 'escape') ~ 'Mustermann|4711'")
        .await;
    assert_eq!(plain, 0);
    assert_eq!(house.wrong().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_statement_is_imported_once() {
    let house = House::open().await;
    let replies = join_all((0..10).map(|_| house.import(OLD))).await;
    let created = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::CREATED)
        .count();
    let known = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::OK)
        .count();
    assert_eq!((created, known), (1, 9), "{replies:?}");
    assert!(
        replies
            .iter()
            .all(|reply| reply.body["id"] == replies[0].body["id"])
    );
    assert_eq!(house.number("select count(*) from bank_statement").await, 1);
    assert_eq!(
        house
            .number("select count(*) from bank_line where number > 0")
            .await,
        3
    );
    house.run("securepay.book_statements").await;
    assert_eq!(house.run("securepay.book_statements").await, 0);
    assert_eq!(house.number("select count(*) from posting").await, 4);
    // The bank sends it again in another message, in another layout.
    let again = OLD
        .replace("053D2026-11-20T22:00:00.0N1", "AGAIN")
        .replace("\n    ", "\n");
    assert_eq!(house.import(&again).await.status, StatusCode::OK);
    let other = house.import(&OLD.replace("danke", "nein")).await;
    assert_eq!(
        (other.status, other.code()),
        (StatusCode::CONFLICT, Some("STATEMENT_DIFFERS"))
    );
    assert_eq!(house.wrong().await, Vec::<String>::new());
}

#[tokio::test]
async fn statements_follow_each_other() {
    let house = House::open().await;
    let first = house.import(&statement("1", 0, &[500, -200])).await;
    assert_eq!(first.status, StatusCode::CREATED, "{:?}", first.body);
    let gap = house.import(&statement("3", 400, &[1])).await;
    assert_eq!(gap.code(), Some("STATEMENT_DOES_NOT_FOLLOW"));
    assert_eq!(
        (&gap.body["closing"], &gap.body["statement"]),
        (&json!("3.00"), &json!("1"))
    );
    let second = house.import(&statement("2", 300, &[100])).await;
    assert_eq!(second.body["number"], 2, "{:?}", second.body);
    assert_eq!(
        house.import(&statement("3", 400, &[1])).await.status,
        StatusCode::CREATED
    );
    house.run("securepay.book_statements").await;
    assert_eq!(house.balances().await["BANK"], "-4.01");
    let list = house.api.as_role(Role::Auditor);
    let page = list.get("/bank-statements?limit=2").await;
    let names: Vec<&Value> = page.body["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|statement| &statement["name"])
        .collect();
    assert_eq!(names, ["3", "2"]);
    let cursor = page.body["nextCursor"].as_str().expect("there is more");
    let page = list
        .get(&format!("/bank-statements?limit=2&cursor={cursor}"))
        .await;
    assert_eq!(page.body["items"][0]["name"], "1");
    assert_eq!(house.wrong().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_leaves_nothing_behind() {
    let house = House::open().await;
    let billing = house.api.as_role(Role::Billing);
    let send = async |kind: &str, body: &str| {
        let caller = billing.with_header(header::CONTENT_TYPE, kind);
        let body = body.to_owned().into();
        caller
            .send(Method::POST, "/api/v1/bank-statements", body)
            .await
    };
    for (kind, body, status, code) in [
        ("application/json", OLD, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (
            "application/xml; charset=latin1",
            OLD,
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        ("text/xml", "", 400, "MALFORMED_XML"),
        ("application/xml", "{}", 400, "MALFORMED_XML"),
        (
            "application/xml",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            400,
            "MALFORMED_XML",
        ),
        ("application/xml", "<html/>", 400, "NOT_A_STATEMENT"),
        (
            "application/xml",
            &OLD.replace("1139.41", "1139.40"),
            400,
            "STATEMENT_INVALID",
        ),
        (
            "application/xml",
            &OLD.replace("danke", &"x".repeat(1_100_000)),
            413,
            "PAYLOAD_TOO_LARGE",
        ),
    ] {
        let reply = send(kind, body).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code()),
            (status, Some(code)),
            "{kind} {:?}",
            reply.body
        );
    }
    let reply = send("text/xml; charset=utf-8", &OLD.replace(">8.50<", ">8,50<")).await;
    assert_eq!(
        reply.pointers(),
        ["/Document/BkToCstmrStmt/Stmt/Ntry/1/Amt"]
    );
    for table in [
        "select count(*) from bank_account",
        "select count(*) from bank_statement",
        "select count(*) from bank_line",
    ] {
        assert_eq!(house.number(table).await, 0);
    }
    let nurse = house
        .api
        .as_role(Role::Nurse)
        .with_header(header::CONTENT_TYPE, "application/xml");
    let reply = nurse
        .send(
            Method::POST,
            "/api/v1/bank-statements",
            OLD.to_owned().into(),
        )
        .await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn somebody_finds_out_whose_money_it_is_and_may_be_wrong() {
    let house = House::open().await;
    let (anna, bela) = (house.wallet().await, house.wallet().await);
    house.import(&statement("1", 0, &[10_000, -250])).await;
    let billing = house.api.as_role(Role::Billing);
    let lines = house.lines("").await;
    let line = |number: i64| {
        let found = lines.iter().find(|line| line["number"] == number);
        let id = found.expect("a line")["id"].as_str().expect("an id");
        format!("/bank-statements/lines/{id}")
    };
    let (transfer, fee) = (line(1), line(2));
    let to = |wallet: Uuid| json!({ "walletId": wallet, "reason": "the name fits" });
    // Its first transfer is still to come.
    let early = billing.post(&format!("{transfer}/match"), to(anna)).await;
    assert_eq!(early.code(), Some("BANK_LINE_IS_MOVING"));
    house.run("securepay.book_statements").await;

    for (body, pointer) in [
        (json!({ "reason": "x" }), "/walletId"),
        (
            json!({ "walletId": anna, "purpose": "REVENUE", "reason": "x" }),
            "/walletId",
        ),
        (
            json!({ "walletId": Uuid::now_v7(), "reason": "x" }),
            "/walletId",
        ),
        (json!({ "walletId": anna, "reason": " " }), "/reason"),
    ] {
        let reply = billing.post(&format!("{transfer}/match"), body).await;
        assert_eq!(reply.pointers(), [pointer], "{:?}", reply.body);
    }
    let matched = billing.post(&format!("{transfer}/match"), to(anna)).await;
    assert_eq!(matched.status, StatusCode::OK, "{:?}", matched.body);
    assert_eq!(matched.body["status"], "MATCHED");
    assert_eq!(matched.body["walletId"], json!(anna));
    assert_eq!(matched.body["because"], "BY_HAND");
    // The same again changes nothing; something else needs it undone first.
    let again = billing.post(&format!("{transfer}/match"), to(anna)).await;
    assert_eq!(
        (again.status, &again.body["version"]),
        (StatusCode::OK, &matched.body["version"])
    );
    let other = billing.post(&format!("{transfer}/match"), to(bela)).await;
    assert_eq!(other.code(), Some("BANK_LINE_IS_MATCHED"));
    let fees = json!({ "purpose": "WRITE_OFF", "reason": "account fee" });
    let matched = billing.post(&format!("{fee}/match"), fees).await;
    assert_eq!(matched.status, StatusCode::OK, "{:?}", matched.body);
    let balances = house.balances().await;
    assert_eq!(
        (
            &balances["WALLET"],
            &balances["SUSPENSE"],
            &balances["WRITE_OFF"]
        ),
        (&json!("100.00"), &json!("0.00"), &json!("-2.50"))
    );
    assert_eq!(house.report().await["agrees"], json!(true));

    // Wrong: it goes back, unless it was spent.
    let undo = json!({ "reason": "it is another Anna" });
    let stale = billing
        .if_match(1)
        .post(&format!("{transfer}/unmatch"), undo.clone())
        .await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    let undone = billing
        .post(&format!("{transfer}/unmatch"), undo.clone())
        .await;
    assert_eq!(undone.body["status"], "UNMATCHED", "{:?}", undone.body);
    let twice = billing
        .post(&format!("{transfer}/unmatch"), undo.clone())
        .await;
    assert_eq!(twice.code(), Some("BANK_LINE_IS_NOT_MATCHED"));
    let matched = billing.post(&format!("{transfer}/match"), to(bela)).await;
    assert_eq!(matched.body["walletId"], json!(bela));
    let plain = house
        .number("select count(*) from bank_line_move m where m::text ~ 'another Anna' or encode(reason, 'escape') ~ 'another Anna'")
        .await;
    assert_eq!(plain, 0);
    assert_eq!(house.wrong().await, Vec::<String>::new());
}

#[tokio::test]
async fn money_that_was_spent_does_not_go_back() {
    let house = House::open().await;
    let anna = house.wallet().await;
    house.import(&statement("1", 0, &[10_000, -4_000])).await;
    house.run("securepay.book_statements").await;
    let billing = house.api.as_role(Role::Billing);
    let to = json!({ "walletId": anna, "reason": "hers" });
    let mut paths = Vec::new();
    for line in house.lines("").await {
        paths.push((
            line["number"].as_i64(),
            format!(
                "/bank-statements/lines/{}",
                line["id"].as_str().expect("an id")
            ),
        ));
    }
    paths.sort();
    for (_, path) in &paths {
        let reply = billing.post(&format!("{path}/match"), to.clone()).await;
        assert_eq!(reply.status, StatusCode::OK, "{:?}", reply.body);
    }
    assert_eq!(house.balances().await["WALLET"], "60.00");
    let undo = json!({ "reason": "not hers" });
    let path = &paths[0].1;
    let refused = billing.post(&format!("{path}/unmatch"), undo.clone()).await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::CONFLICT, Some("INSUFFICIENT_FUNDS"))
    );
    let lines = house.lines("status=MATCHED").await;
    assert_eq!(lines.len(), 2, "nothing has changed");
    assert!(lines.iter().all(|line| line["moving"] == json!(false)));
    // What went out comes back first, and then it does.
    for (_, path) in paths.iter().rev() {
        let reply = billing.post(&format!("{path}/unmatch"), undo.clone()).await;
        assert_eq!(reply.status, StatusCode::OK, "{:?}", reply.body);
    }
    assert_eq!(house.balances().await["SUSPENSE"], "60.00");
    assert_eq!(house.wrong().await, Vec::<String>::new());
}

#[tokio::test]
async fn whoever_stops_between_posting_and_marking_is_followed_by_somebody_who_marks() {
    let house = House::open().await;
    let anna = house.wallet().await;
    house.import(&statement("1", 0, &[700, 800, -5])).await;
    house.run("securepay.book_statements").await;
    let forget = "update securepay.bank_line_move set state = 'OPEN', stamp = null where number = (select max(number) from securepay.bank_line_move)";
    house.by_force(forget.to_owned()).await;
    assert_eq!(house.run("securepay.book_statements").await, 3);
    assert_eq!(house.number("select count(*) from posting").await, 3);

    // The same for what somebody asked: the answer was lost, and so was the mark.
    let line = &house.lines("").await[0];
    let path = format!(
        "/bank-statements/lines/{}",
        line["id"].as_str().expect("an id")
    );
    let billing = house.api.as_role(Role::Billing);
    let to = json!({ "walletId": anna, "reason": "hers" });
    let done = billing.post(&format!("{path}/match"), to.clone()).await;
    assert_eq!(done.status, StatusCode::OK, "{:?}", done.body);
    let unmark = format!(
        "{forget}; update securepay.bank_line set purpose = null, wallet_id = null, version = version - 1,
         account_id = (select id from securepay.account_info where kind = 'SUSPENSE') where purpose = 'WALLET'"
    );
    house.by_force(unmark).await;
    assert_eq!(
        house
            .number("select count(*) from bank_line where purpose is not null")
            .await,
        0
    );
    assert_eq!(house.run("securepay.book_statements").await, 1);
    let again = billing.post(&format!("{path}/match"), to).await;
    assert_eq!(
        (again.status, &again.body),
        (StatusCode::OK, &done.body),
        "it is as it was answered"
    );
    assert_eq!(house.number("select count(*) from posting").await, 4);
    assert_eq!(house.wrong().await, Vec::<String>::new());
}

#[tokio::test]
async fn lines_are_found_by_their_age() {
    let clock = Clock::manual("2026-11-27T09:00:00Z".parse().expect("an instant"));
    let house = House::with(clock.clone(), &[]).await;
    house.import(&statement("1", 0, &[100, 200])).await;
    assert_eq!(house.run("securepay.book_statements").await, 2);
    for (days, age) in [
        // 7, 8, 30 and 31 days after.
        (0, "UP_TO_7_DAYS"),
        (1, "UP_TO_30_DAYS"),
        (22, "UP_TO_30_DAYS"),
        (1, "OVER_30_DAYS"),
    ] {
        clock.advance(jiff::SignedDuration::from_hours(24 * days));
        assert_eq!(house.lines(&format!("age={age}")).await.len(), 2, "{days}");
        let ages = house.report().await["suspense"]["ages"].clone();
        for one in ages.as_array().expect("ages") {
            let lines = if one["age"] == age { 2 } else { 0 };
            assert_eq!(one["lines"], json!(lines), "{days} {one}");
        }
    }
}

#[tokio::test]
async fn what_is_written_on_the_lines_of_the_erased_is_forgotten() {
    let house = House::open().await;
    let (anna, _, her_wallet) = house.patient_with(0).await;
    let his_wallet = house.wallet().await;
    let entries = [(10_000, "ZQ-HERS"), (20_000, "ZQ-HIS"), (30_000, "ZQ-LATE")];
    house
        .import(&statement_of("1", "2026-11-20", 0, &entries))
        .await;
    house.run("securepay.book_statements").await;
    let billing = house.api.as_role(Role::Billing);
    let lines = house.lines("").await;
    let matched = async |number: i64, wallet: &str| {
        let line = lines.iter().find(|line| line["number"] == number);
        let id = line.expect("a line")["id"].as_str().expect("an id");
        let body = json!({ "walletId": wallet, "reason": "zq-reason" });
        let path = format!("/bank-statements/lines/{id}/match");
        let reply = billing.post(&path, body).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    };
    matched(1, &her_wallet).await;
    matched(2, &his_wallet.to_string()).await;
    let said = async || {
        let lines = house.lines("").await;
        let mut said: Vec<String> = lines
            .iter()
            .filter_map(|line| line["endToEndId"].as_str().map(str::to_owned))
            .collect();
        said.sort_unstable();
        said
    };
    assert_eq!(said().await, ["ZQ-HERS", "ZQ-HIS", "ZQ-LATE"]);
    let reasons = async || {
        house
            .number("select count(*) from bank_line_move where reason is not null")
            .await
    };
    assert_eq!(reasons().await, 2);

    let patient_id = anna.to_string();
    house.hears(&PatientErased { patient_id }).await;
    assert_eq!(said().await, ["ZQ-HIS", "ZQ-LATE"]);
    assert_eq!(reasons().await, 1);
    // What turns out to be hers later goes as well.
    matched(3, &her_wallet).await;
    assert_eq!(said().await, ["ZQ-HIS"]);
    assert_eq!(reasons().await, 1);
    assert_eq!(house.balance(&her_wallet).await[0], "400.00");
    assert_eq!(house.wrong().await, Vec::<String>::new());
}
