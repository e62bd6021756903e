//! Whether the books agree with themselves and with the bank.
//!
//! Banks send statements of the hospital's accounts ([`camt`]). Each entry becomes a line,
//! and its money is booked at once: to what it was found to be about ([`matching`]), or to
//! suspense, so that in the books an account at a bank always holds what the bank says.
//! People find out what the rest is for. At the end of each day it is written down, for
//! good, what the books said and what did not agree.

pub mod assign;
pub mod camt;
pub mod close;
mod close_store;
mod expected;
pub mod find;
pub mod import;
pub mod matching;
pub mod model;
pub mod report;
mod settle;
pub mod statement;
mod store;
pub mod trial_balance;
pub mod view;
pub mod xml;

use std::sync::Arc;
use std::time::Duration;

use galen_service::{Check, Job, ProblemPage};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use store::SEALED;

use crate::SecurePay;

/// How often statements that are not booked yet are looked at.
const TICK: Duration = Duration::from_secs(30);
/// How often it is looked whether a day has ended: it costs nothing when none has, and
/// days end at different times of the clock.
const QUARTER: Duration = Duration::from_secs(15 * 60);

/// Its part of the API.
pub(crate) fn routes() -> OpenApiRouter<Arc<SecurePay>> {
    OpenApiRouter::new()
        .routes(routes!(trial_balance::get))
        .routes(routes!(report::get))
        .routes(routes!(close::find, close::close))
        .routes(routes!(import::import, find::statements))
        .routes(routes!(find::lines))
        .routes(routes!(find::statement))
        .routes(routes!(assign::matched))
        .routes(routes!(assign::unmatched))
}

/// Its work.
pub(crate) fn jobs(s: &Arc<SecurePay>) -> Vec<Job> {
    let (booking, closing) = (Arc::clone(s), Arc::clone(s));
    vec![
        Job::new("securepay.book_statements", TICK, move || {
            let s = Arc::clone(&booking);
            async move { Ok(settle::run(&s).await?) }
        })
        .woken_by(Arc::clone(&s.bank_bell)),
        Job::new("securepay.close_days", QUARTER, move || {
            let s = Arc::clone(&closing);
            async move { close::run(&s).await }
        }),
    ]
}

/// What `galen verify` looks for.
pub(crate) const CHECKS: &[Check] = &[
    Check {
        name: "what was written down at the end of every day is what the books say",
        sql: "with ends as (
                  select currency, array_agg(before order by before) as ends from daily_close group by currency
              ), moved as (
                  select l.currency, coalesce(i.kind, 'OTHER') as kind, width_bucket(p.at, e.ends) + 1 as nth,
                         sum(side.debit) as debits, sum(side.credit) as credits
                  from ends e
                  join ledger l on l.currency = e.currency
                  join posting p on p.ledger_id = l.id and p.kind not in (2, 4, 5) and p.at < e.ends[cardinality(e.ends)]
                  cross join lateral (values (p.debit_id, p.amount, 0), (p.credit_id, 0, p.amount)) side (account_id, debit, credit)
                  left join account_info i on i.id = side.account_id
                  group by 1, 2, 3
              ), stored as (
                  select c.currency, c.day, array_position(e.ends, c.before) as nth, k.kind, k.debits, k.credits
                  from daily_close c join ends e using (currency)
                  cross join lateral jsonb_to_recordset(c.kinds) as k (kind text, debits numeric, credits numeric)
              ), grown as (
                  select currency, day, nth, kind,
                         debits - coalesce(lag(debits) over w, 0) as debits, credits - coalesce(lag(credits) over w, 0) as credits
                  from stored window w as (partition by currency, kind order by nth)
              )
              select 'the close of ' || coalesce(g.day::text, 'day ' || m.nth) || ' in ' || coalesce(g.currency, m.currency) || ' differs in ' || coalesce(g.kind, m.kind)
              from grown g full join moved m using (currency, kind, nth)
              where coalesce(g.debits, 0) <> coalesce(m.debits, 0) or coalesce(g.credits, 0) <> coalesce(m.credits, 0)",
    },
    Check {
        name: "every daily close names the chain as it was",
        sql: "select 'the close of ' || c.day || ' in ' || c.currency from daily_close c
              where c.link <> coalesce((select b.link from batch b where b.shard = 0 and b.first < c.before order by b.first desc limit 1),
                                       decode(repeat('00', 32), 'hex'))",
    },
    Check {
        name: "every bank statement begins where the one before ended, and its lines make the rest",
        sql: "with lined as (
                  select statement_id, sum(amount) filter (where number > 0) as amount from bank_line group by statement_id
              ), chained as (
                  select s.id, s.place, s.opening, s.closing, coalesce(l.amount, 0) as amount,
                         lag(s.place) over w as place_before, lag(s.closing) over w as closing_before
                  from bank_statement s left join lined l on l.statement_id = s.id
                  window w as (partition by s.bank_account_id order by s.place)
              )
              select 'statement ' || id from chained
              where opening + amount <> closing or place <> coalesce(place_before, 0) + 1
                 or (place_before is not null and opening <> closing_before)",
    },
    Check {
        name: "every transfer of a bank line is in the ledger as it was asked",
        sql: "select 'move ' || m.id from bank_line_move m
              left join posting p on p.id = m.id and p.kind = 1
              where case m.state
                        when 'POSTED' then (p.debit_id, p.credit_id, p.amount, p.at, p.reference)
                                           is distinct from (m.debit_id, m.credit_id, m.amount, m.stamp, m.line_id)
                        when 'REFUSED' then p.id is not null
                        else false
                    end",
    },
    Check {
        name: "the money of every bank line rests where its last transfer went",
        sql: "with rested as (
                  select distinct on (line_id) line_id, account_id, purpose, wallet_id from bank_line_move
                  where state = 'POSTED' or number = 1 order by line_id, number desc
              )
              select 'line ' || l.id from bank_line l left join rested r on r.line_id = l.id
              where (r.account_id, r.purpose, r.wallet_id) is distinct from (l.account_id, l.purpose, l.wallet_id)",
    },
];

const fn page(code: &'static str, title: &'static str, advice: &'static str) -> ProblemPage {
    ProblemPage {
        code,
        title,
        advice,
    }
}

/// The pages of its problems.
pub(crate) const PAGES: [ProblemPage; 9] = [
    page(
        "MALFORMED_XML",
        "The body is not an XML document as it is read here.",
        "Send a whole document in UTF-8, without a document type declaration and without entities of its own.",
    ),
    page(
        "NOT_A_STATEMENT",
        "The document is not a camt.053 statement.",
        "Send ISO 20022 camt.053 (bank to customer statement), version 001.02 or later; camt.052 and camt.054 say something else.",
    ),
    page(
        "STATEMENT_INVALID",
        "The statement is not as the standard says, or does not add up.",
        "Look at what `errors` points at: names of elements from the root on. Nothing of the statement was imported; ask the bank for a right one.",
    ),
    page(
        "STATEMENT_DIFFERS",
        "The account has a statement of this name that says something else.",
        "Compare both documents. A statement that was imported does not change; the bank corrects itself in a later one.",
    ),
    page(
        "STATEMENT_DOES_NOT_FOLLOW",
        "The statement does not begin where the last one of its account ended.",
        "Import the statements of an account in their order. `statement` and `closing` say which one was the last, and what it closed with.",
    ),
    page(
        "BANK_LINE_IS_MOVING",
        "The money of the line is on its way.",
        "Wait as `Retry-After` says, read the line again, and decide again.",
    ),
    page(
        "BANK_LINE_IS_MATCHED",
        "The line is matched with something else.",
        "Undo that match first: `POST /bank-statements/lines/{id}/unmatch`.",
    ),
    page(
        "BANK_LINE_IS_NOT_MATCHED",
        "The line is not matched.",
        "There is nothing to undo.",
    ),
    page(
        "DAY_NOT_OVER",
        "A day is closed a quarter of an hour after its end.",
        "Ask for an earlier day, or wait.",
    ),
];
