//! What `galen verify` looks for in this schema.

use galen_service::Check;

/// The invariants that SQL can look for.
pub(crate) const CHECKS: &[Check] = &[
    Check {
        name: "every claim is what its events say",
        sql: "select c.id || ' is ' || c.status || ' ' || c.version || ' instead of ' || coalesce(e.status || ' ' || e.version, 'nothing')
              from claim c
              left join lateral (
                  select e.status, e.version, (select count(*) from claim_event n where n.claim_id = c.id) as count
                  from claim_event e where e.claim_id = c.id order by e.version desc limit 1
              ) e on true
              where e.version is null or (e.status, e.version, e.count) is distinct from (c.status, c.version, c.version)",
    },
    Check {
        name: "every claim is the sum of its lines",
        sql: "select c.id::text
              from claim c
              left join claim_line l on l.claim_id = c.id
              group by c.id
              having (c.charged, c.received, c.outstanding) is distinct from
                  (coalesce(sum(l.charged), 0), coalesce(sum(l.received), 0), coalesce(sum(l.outstanding), 0))",
    },
    Check {
        name: "what payers are asked for of an invoice's lines is what claims ask for",
        sql: "select 'claim ' || c.id || ' line ' || l.sequence || ' is no line of invoice ' || c.invoice_id
              from claim c
              join claim_line l on l.claim_id = c.id
              left join invoice_line i on i.invoice_id = c.invoice_id and i.charge_id = l.charge_id
              where i.gross is distinct from l.charged
              union all
              select 'line ' || i.charge_id || ' of invoice ' || i.invoice_id || ' is out by ' || (i.insurer - coalesce(sum(l.received + l.outstanding), 0))
              from invoice v
              join invoice_line i on i.invoice_id = v.id
              -- The living ones; of those that were withdrawn for another one to come, the last.
              left join claim c on c.invoice_id = v.id
                  and c.id = (select n.id from claim n where n.root_id = c.root_id
                              order by n.status in ('REPLACED', 'VOIDED'), n.take desc limit 1)
              left join claim_line l on l.claim_id = c.id and l.charge_id = i.charge_id
              where v.status in ('ISSUED', 'PARTIALLY_PAID', 'BALANCED')
              group by i.invoice_id, i.charge_id, i.insurer
              having i.insurer <> coalesce(sum(l.received + l.outstanding), 0)",
    },
    Check {
        name: "every line of a claim that was paid is the sum of its remittances",
        sql: "select c.root_id || ' line ' || l.sequence
              from claim c
              join claim_line l on l.claim_id = c.id
              where c.id = (select n.id from claim n where n.root_id = c.root_id order by n.take desc limit 1)
                and l.received <> (select coalesce(sum(r.paid), 0) from remittance_line r
                                   join claim o on o.id = r.claim_id and o.root_id = c.root_id
                                   where r.sequence = l.sequence)",
    },
    Check {
        name: "every remittance is the sum of its lines",
        sql: "select r.payer_id || ' ' || r.trace
              from remittance r
              left join remittance_line l on l.remittance_id = r.id
              group by r.id
              having r.amount <> coalesce(sum(l.paid), 0)",
    },
    Check {
        name: "no two tariffs say what a service costs on one day",
        sql: "select 'tariffs ' || a.id || ' and ' || b.id || ' overlap'
              from tariff a
              join tariff b on b.service_code = a.service_code and b.id > a.id
                  and (b.payer_id, b.encounter_class) is not distinct from (a.payer_id, a.encounter_class)
                  and daterange(b.valid_from, b.valid_to) && daterange(a.valid_from, a.valid_to)",
    },
    Check {
        name: "versions of plans begin in their order, without a gap",
        sql: "select plan_id || ' ' || version
              from (select plan_id, version, valid_from,
                           row_number() over (partition by plan_id order by version) as place,
                           lag(valid_from) over (partition by plan_id order by version) as before
                    from plan_version) v
              where version <> place or valid_from <= before",
    },
    Check {
        name: "nothing that is counted under a contract is less than nothing",
        sql: "select p.contract_id || ' ' || e.accumulator || ' ' || e.period
              from posting p join accumulator_entry e on e.posting_id = p.id
              where p.reversed_at is null
              group by p.contract_id, e.accumulator, e.member_id, e.period
              having sum(e.delta) < 0",
    },
    Check {
        name: "every invoice is the sum of what happened to it",
        sql: "select i.id::text
              from invoice i
              left join invoice_event e on e.invoice_id = i.id
              group by i.id
              having (i.version, i.billed, i.settled, i.pending, i.insurer) is distinct from
                  (coalesce(max(e.version), 0), coalesce(sum(e.billed), 0), coalesce(sum(e.settled), 0), coalesce(sum(e.pending), 0), coalesce(sum(e.insurer), 0))
                  or count(e.version) <> i.version",
    },
    Check {
        name: "every invoice is the sum of its lines",
        sql: "select i.id::text
              from invoice i
              left join invoice_line l on l.invoice_id = i.id
              group by i.id
              having (i.billed, i.insurer) is distinct from (coalesce(sum(l.patient), 0), coalesce(sum(l.insurer), 0))",
    },
    Check {
        name: "every line of an invoice is a charge that is on it, and asks what that costs",
        sql: "select 'line ' || l.charge_id || ' of invoice ' || l.invoice_id
              from invoice_line l
              join invoice i on i.id = l.invoice_id
              join charge c on c.id = l.charge_id
              where c.patient_id <> i.patient_id
                 or (i.status <> 'CANCELLED' and (c.invoice_id is distinct from i.id or c.minor <> l.gross or c.currency <> i.currency))
              union all
              select 'charge ' || c.id || ' is on no line of its invoice'
              from charge c
              left join invoice i on i.id = c.invoice_id and i.status <> 'CANCELLED'
              left join invoice_line l on l.invoice_id = c.invoice_id and l.charge_id = c.id
              where c.invoice_id is not null and (i.id is null or l.charge_id is null)",
    },
    Check {
        name: "no charge is on two invoices",
        sql: "select l.charge_id::text
              from invoice_line l
              join invoice i on i.id = l.invoice_id
              where i.status <> 'CANCELLED'
              group by l.charge_id
              having count(*) > 1",
    },
    Check {
        name: "what is being paid of invoices is under way",
        sql: "select i.id::text
              from invoice i
              left join invoice_payment p on p.invoice_id = i.id and p.status = 'PENDING'
              group by i.id
              having i.pending <> coalesce(sum(p.minor), 0)",
    },
    Check {
        name: "the books say of every till what should be in it, and nothing once it is closed",
        sql: "select s.id || ' holds ' || coalesce(sum(b.minor), 0)
              from cash_session s
              left join lateral (
                  select minor from journal_entry where debit_kind = 'CASH' and debit_owner = s.id
                  union all
                  select -minor from journal_entry where credit_kind = 'CASH' and credit_owner = s.id
              ) b on true
              group by s.id
              having coalesce(sum(b.minor), 0) <> case s.status when 'CLOSED' then 0 else s.opening + s.taken - s.given_back end",
    },
    Check {
        name: "every till is the sum of what moved in it",
        sql: "select s.id::text
              from cash_session s
              left join cash_movement m on m.session_id = s.id
              group by s.id
              having (s.taken, s.given_back) is distinct from
                  (coalesce(sum(m.minor) filter (where m.kind = 'PAYMENT'), 0), coalesce(sum(m.minor) filter (where m.kind = 'REFUND'), 0))",
    },
    Check {
        name: "cash that moved was paid for an invoice or given back for one, and the other way round",
        sql: "select 'payment ' || p.id
              from invoice_payment p
              full join (select * from cash_movement where kind = 'PAYMENT') m on m.id = p.id
              where (p.method = 'CASH' or m.id is not null)
                and (p.method, p.minor, p.currency, p.invoice_id) is distinct from ('CASH', m.minor, m.currency, m.invoice_id)
              union all
              select 'refund ' || m.id
              from cash_movement m
              left join adjustment a on a.id = m.id
              where m.kind = 'REFUND'
                and (a.kind, a.status, a.minor, a.payment_id, a.invoice_id) is distinct from ('REFUND', 'DONE', m.minor, m.payment_id, m.invoice_id)
              union all
              select 'refund ' || a.id || ' moved no cash'
              from adjustment a
              join invoice_payment p on p.id = a.payment_id and p.method = 'CASH'
              where a.status = 'DONE' and not exists (select from cash_movement m where m.id = a.id)",
    },
    Check {
        name: "every payment plan is the sum of its instalments, and of what was owed",
        sql: "select p.id::text
              from payment_plan p
              where p.total <> (select coalesce(sum(minor), 0) from payment_plan_instalment where plan_id = p.id)
                 or p.total <> (select coalesce(sum(planned), 0) from payment_plan_invoice where plan_id = p.id)
              union all
              select p.id || ' and invoice ' || i.id
              from payment_plan p
              join payment_plan_invoice l on l.plan_id = p.id
              join invoice i on i.id = l.invoice_id
              where (i.patient_id, i.currency) <> (p.patient_id, p.currency)
                 or l.live <> (p.status in ('PROPOSED', 'ACTIVE'))",
    },
    Check {
        name: "no plan of which nothing is owed any more is followed",
        sql: "select p.id::text
              from payment_plan p
              join payment_plan_invoice l on l.plan_id = p.id
              join invoice i on i.id = l.invoice_id
              where p.status = 'ACTIVE'
              group by p.id
              having sum(i.billed - i.settled) = 0",
    },
    Check {
        name: "everything that was entered is posted",
        sql: "select o.id || coalesce(': ' || o.refused, '')
              from journal_order o
              where o.posted_at is null and o.entered_at < now() - interval '1 minute'",
    },
    Check {
        name: "what is held of every prepayment is in the books",
        sql: "select 'appointment ' || p.appointment_id || ': ' || p.held || ' is held, and ' || coalesce(j.net, 0) + p.paid || ' is booked'
              from prepayment p
              left join lateral (
                  select sum(e.net) as net
                  from (select minor as net from journal_entry where credit_kind = 'DEPOSIT' and credit_owner = p.appointment_id
                        union all
                        select -minor from journal_entry where debit_kind = 'DEPOSIT' and debit_owner = p.appointment_id) e
              ) j on true
              where p.held <> p.paid + coalesce(j.net, 0)
              union all
              select 'appointment ' || e.credit_owner || ' holds what nobody paid'
              from journal_entry e
              where e.credit_kind = 'DEPOSIT' and not exists (select from prepayment p where p.appointment_id = e.credit_owner)",
    },
    Check {
        name: "every prepayment that pays for an invoice is one of its payments",
        sql: "select 'prepayment ' || coalesce(p.id, e.id)
              from (select * from prepayment where applied > 0) p
              full join (
                  select (body ->> 'prepayment')::uuid as id, (body ->> 'amount')::bigint as amount, invoice_id
                  from invoice_event where kind = 'PREPAYMENT_APPLIED'
              ) e on e.id = p.id
              where (p.applied, p.invoice_id) is distinct from (e.amount, e.invoice_id)",
    },
    Check {
        name: "every prepayment is decided by its deadline",
        sql: "select 'prepayment ' || id || ' is still ' || status from prepayment
              where status in ('REQUESTED', 'WITHDRAWN') and deadline < now() - interval '1 hour'",
    },
    Check {
        name: "nothing is held for appointments that were over long ago",
        sql: "select 'appointment ' || appointment_id || ': ' || held from prepayment
              where held > 0 and ends_at < now() - interval '90 days'",
    },
    Check {
        name: "nobody decided about what they asked for themselves",
        sql: "select id::text from adjustment
              where decided_by = requested_by or (kind <> 'CREDIT_NOTE' and status in ('APPROVED', 'DONE', 'FAILED') and decided_by is null)",
    },
];
