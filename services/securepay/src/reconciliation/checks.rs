//! The invariants that `galen verify` checks.

use galen_service::Check;

/// Every invariant of statements, lines and closes that one statement can look for.
pub(crate) const CHECKS: [Check; 5] = [
    Check {
        name: "what was written down at the end of every day is what the books say",
        sql: "with ends as (
                  select currency, array_agg(before order by before) as ends from daily_close group by currency
              ), moved as (
                  select l.currency, coalesce(i.kind, 'UNNAMED') as kind, width_bucket(p.at, e.ends) + 1 as nth,
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
