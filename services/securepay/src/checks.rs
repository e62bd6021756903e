//! The invariants that `galen verify` checks.

use galen_service::Check;

use crate::reconciliation;

/// Every invariant of the ledger that one statement can look for.
pub const CHECKS: &[Check] = &[
    Check {
        name: "debits and credits of every ledger are equal",
        sql: "select 'ledger ' || ledger_id || ' is out by ' || (sum(debits_posted) - sum(credits_posted))
                     || ' posted, ' || (sum(debits_pending) - sum(credits_pending)) || ' pending'
              from account group by ledger_id
              having sum(debits_posted) <> sum(credits_posted) or sum(debits_pending) <> sum(credits_pending)",
    },
    Check {
        name: "the totals of every account are those of its postings",
        sql: "with side as (
                  select debit_id as account_id, kind, amount, 1 as is_debit from posting
                  union all
                  select credit_id, kind, amount, 0 from posting
              ), folded as (
                  select account_id, count(*) as version,
                         coalesce(sum(case when kind = 2 then amount when kind in (3, 4, 5) then -amount else 0 end) filter (where is_debit = 1), 0) as debits_pending,
                         coalesce(sum(amount) filter (where is_debit = 1 and kind in (1, 3, 6)), 0) as debits_posted,
                         coalesce(sum(case when kind = 2 then amount when kind in (3, 4, 5) then -amount else 0 end) filter (where is_debit = 0), 0) as credits_pending,
                         coalesce(sum(amount) filter (where is_debit = 0 and kind in (1, 3, 6)), 0) as credits_posted
                  from side group by account_id
              )
              select 'account ' || coalesce(a.id, f.account_id) || ' does not add up'
              from account a full join folded f on f.account_id = a.id
              where (coalesce(a.version, 0), coalesce(a.debits_pending, 0), coalesce(a.debits_posted, 0), coalesce(a.credits_pending, 0), coalesce(a.credits_posted, 0))
                    is distinct from
                    (coalesce(f.version, 0), coalesce(f.debits_pending, 0), coalesce(f.debits_posted, 0), coalesce(f.credits_pending, 0), coalesce(f.credits_posted, 0))
                 or (a.id is null)",
    },
    Check {
        name: "the balances in the postings of every account follow each other",
        sql: "with side as (
                  select at, debit_id as account_id, debit_balance as balance, case when kind in (1, 3, 6) then -amount else 0 end as change from posting
                  union all
                  select at, credit_id, credit_balance, case when kind in (1, 3, 6) then amount else 0 end from posting
              ), chained as (
                  select *, coalesce(lag(balance) over (partition by account_id order by at), 0) as before from side
              )
              select 'account ' || account_id || ' leaps at ' || at from chained where before + change <> balance",
    },
    Check {
        name: "every posting is between two accounts of its ledger",
        sql: "select 'posting ' || p.id from posting p
              left join account d on d.id = p.debit_id left join account c on c.id = p.credit_id
              where (d.ledger_id, c.ledger_id) is distinct from (p.ledger_id, p.ledger_id)",
    },
    Check {
        name: "every hold is what became of it",
        sql: "with ended as (
                  select hold_id, coalesce(sum(amount) filter (where kind = 3), 0) as captured,
                         coalesce(sum(amount) filter (where kind in (4, 5)), 0) as released, count(*) filter (where kind in (4, 5)) as releases,
                         coalesce(sum(amount) filter (where kind = 6), 0) as refunded, max(kind) filter (where kind <> 6) as last
                  from posting where hold_id is not null group by hold_id
              ), made as (
                  select *, case kind when 1 then amount else 0 end as at_once
                  from posting p where kind = 2 or kind = 1 and exists (select from hold h where h.id = p.id)
              )
              select 'hold ' || coalesce(h.id, p.id, e.hold_id)
              from hold h
              full join made p on p.id = h.id
              full join ended e on e.hold_id = coalesce(h.id, p.id)
              where h.id is null or p.id is null
                 or (h.amount, h.debit_id, h.credit_id, h.ledger_id) is distinct from (p.amount, p.debit_id, p.credit_id, p.ledger_id)
                 or (h.captured, h.refunded) is distinct from (p.at_once + coalesce(e.captured, 0), coalesce(e.refunded, 0))
                 or coalesce(e.releases, 0) > 1
                 or case h.state
                        when 0 then coalesce(e.released, 0) <> 0
                        when 1 then h.captured + coalesce(e.released, 0) <> h.amount or h.captured = 0
                        else e.released <> h.amount or e.last <> h.state + 2
                    end is not false",
    },
    Check {
        name: "every part of a hold is between its two accounts",
        sql: "select 'posting ' || p.id from posting p join hold h on h.id = p.hold_id
              where (p.debit_id, p.credit_id) is distinct from
                    (case p.kind when 6 then h.credit_id else h.debit_id end, case p.kind when 6 then h.debit_id else h.credit_id end)",
    },
    Check {
        name: "the batches hold all postings, and every stamp is one posting's",
        sql: "with line as (
                  select shard, first as at, null::uuid as id from batch
                  union all
                  select l.shard, p.at, p.id from posting p join ledger l on l.id = p.ledger_id
              ), placed as (
                  select shard, at, id, max(at) filter (where id is null) over (partition by shard order by at, id nulls first rows unbounded preceding) as batch from line
              ), counted as (
                  select shard, batch, count(*) as postings, count(distinct at) as stamps, min(at) as first, max(at) as last
                  from placed where id is not null group by shard, batch
              )
              select 'shard ' || coalesce(b.shard, c.shard) || ' batch ' || coalesce(b.first, c.first) || ' has ' || coalesce(c.postings, 0) || ' postings, not ' || coalesce(b.postings, 0)
              from batch b full join counted c on c.shard = b.shard and c.batch = b.first
              where (b.first, b.last, b.postings, b.postings) is distinct from (c.first, c.last, c.postings, c.stamps)",
    },
    Check {
        name: "every shard stands where its last batch ended",
        sql: "select 'shard ' || h.shard from head h
              left join lateral (select last, link from batch b where b.shard = h.shard order by first desc limit 1) b on true
              where h.last is distinct from b.last
                 or (b.link is not null and h.link <> b.link)",
    },
    Check {
        name: "every order to a payment provider is what became of its hold",
        sql: "select 'order ' || o.id || ' is ' || o.state || ', and its hold is not'
              from provider_order o
              left join account_info i on i.public_id = o.wallet_id
              left join hold h on h.id = o.id
              where (h.amount, i.currency, case o.direction when 'IN' then h.credit_id else h.debit_id end)
                        is distinct from (o.amount, o.currency, i.id)
                 or h.refunded > 0
                 or case o.state
                        when 'CAPTURED' then h.state = 1
                        when 'FAILED' then h.state = 2
                        when 'SUCCEEDED' then h.state in (0, 1)
                        when 'DECLINED' then h.state in (0, 2)
                        else h.state = 0
                    end is not true",
    },
    Check {
        name: "every order to a payment provider is decided by its deadline, or somebody is to look at it",
        sql: "select 'order ' || id || ' is still ' || state from provider_order
              where (state = 'PENDING' and deadline < now() - interval '1 hour')
                 or (state in ('SUCCEEDED', 'DECLINED') and decided_at < now() - interval '1 hour')",
    },
    Check {
        name: "clearing accounts promise money for orders to payment providers only",
        sql: "select 'posting ' || p.id || ' is of no order'
              from account_info i
              join posting p on i.id in (p.debit_id, p.credit_id)
              where i.kind = 'CLEARING' and p.kind <> 1
                and not exists (select from provider_order o where o.id = coalesce(p.hold_id, p.id))",
    },
    Check {
        name: "clearing accounts explain what payment providers brought and took",
        sql: "with told as (
                  select o.currency, sum(case o.direction when 'OUT' then o.amount else -o.amount end) as amount
                  from provider_order o join hold h on h.id = o.id
                  where o.state in ('SUCCEEDED', 'CAPTURED') and h.state = 1
                  group by o.currency
              ), booked as (
                  select i.currency, sum(case i.id when p.credit_id then p.amount else -p.amount end) as amount
                  from account_info i join posting p on i.id in (p.debit_id, p.credit_id)
                  where i.kind = 'CLEARING' and p.kind not in (1, 2, 4, 5)
                  group by i.currency
              )
              select coalesce(t.currency, b.currency) || ': told ' || coalesce(t.amount, 0) || ', booked ' || coalesce(b.amount, 0)
              from told t full join booked b on b.currency = t.currency
              where coalesce(t.amount, 0) <> coalesce(b.amount, 0)",
    },
    Check {
        name: "the simulated payment provider did what its orders say",
        sql: "select 'order ' || o.id || ' is ' || o.state || ', and the provider says otherwise'
              from provider_order o left join simulated_charge c on c.reference = o.id
              where o.provider = 'simulator'
                and (c.direction, c.amount, c.currency) is distinct from (o.direction, o.amount, o.currency)
                and (c.reference is not null or o.state in ('SUCCEEDED', 'CAPTURED'))
                 or (o.provider = 'simulator' and c.reference is not null
                     and ((o.state in ('SUCCEEDED', 'CAPTURED') and c.declined is not null)
                          or (o.state in ('DECLINED', 'FAILED') and c.declined is null)))",
    },
    Check {
        name: "every account is for something, in its own currency, with the limits of that",
        sql: "select 'account ' || coalesce(a.id, i.id)
              from account a
              full join account_info i on i.id = a.id
              left join ledger l on l.id = a.ledger_id
              where a.id is null or i.id is null or l.currency is distinct from i.currency
                 or a.limits <> case when i.kind in ('WALLET', 'DEPOSIT') then 1 when i.kind = 'RECEIVABLE' then 2 else 0 end",
    },
    Check {
        name: "every payment is what was promised, and every promise of a payment is one",
        sql: "select 'payment ' || y.id from payment y
              left join posting p on p.id = y.id and p.kind in (1, 2)
              left join ledger l on l.id = p.ledger_id
              left join hold h on h.id = y.id
              where h.id is null
                 or (y.from_id, y.to_id, y.amount, y.currency, y.capture = 'MANUAL')
                    is distinct from (p.debit_id, p.credit_id, p.amount, l.currency, p.expires_at is not null)
              union all
              select 'posting ' || p.id || ' has no payment' from posting p
              where p.kind in (1, 2) and p.code = 1 and not exists (select from payment y where y.id = p.id)",
    },
    Check {
        name: "money that moves at once has moved",
        sql: "select 'payment ' || y.id from payment y join hold h on h.id = y.id
              where y.capture = 'AUTOMATIC' and h.captured <> h.amount",
    },
    Check {
        name: "others are told of payments within a minute",
        sql: "select 'shard ' || a.shard || ' was told up to ' || a.told
              from announcer a
              where exists (
                  select from batch b
                  where b.shard = a.shard and b.first > a.told
                    and b.last < (select last - 60000000 from head h where h.shard = a.shard)
              )",
    },
    Check {
        name: "the provider does not contradict what people found out about orders",
        sql: "select 'order ' || order_id || ' was resolved as ' || outcome || ', and the provider says ' || provider_says
              from order_resolution where status = 'APPROVED' and provider_says <> outcome",
    },
    Check {
        name: "orders end as people agreed",
        sql: "select 'order ' || r.order_id || ' is ' || o.state
              from order_resolution r join provider_order o on o.id = r.order_id
              where r.status = 'APPROVED'
                and o.state <> all (case r.outcome when 'SETTLED' then array['SUCCEEDED', 'CAPTURED'] else array['DECLINED', 'FAILED'] end)",
    },
    reconciliation::CHECKS[0],
    reconciliation::CHECKS[1],
    reconciliation::CHECKS[2],
    reconciliation::CHECKS[3],
    reconciliation::CHECKS[4],
];
