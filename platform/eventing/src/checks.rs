//! Invariants of the log that `galen verify` checks. Each query returns a text for
//! everything that is wrong. "Now" is the last tick: a hospital that stands still
//! has not broken a promise.

/// Name and query of each invariant; run as the owner of the `events` schema.
pub const CHECKS: &[(&str, &str)] = &[
    (
        "offsets are dense up to the head of every partition",
        "select format('%s/%s: head %s, %s offsets from %s to %s', t.name, h.part, h.off, l.n, l.lo, l.hi)
         from head h
         join topic t on t.id = h.topic
         cross join lateral (select count(*) as n, min(off) as lo, max(off) as hi from log where log.topic = h.topic and log.part = h.part) l
         where l.n > 0 and (l.hi <> h.off or l.n <> l.hi - l.lo + 1)",
    ),
    (
        "every committed event has its offset",
        "select format('event %s (%s, key %s) of %s', e.seq, e.type, e.key, e.at)
         from event e
         where e.at < (select max(at) from tick) - interval '2 minutes'
           and not exists (select from log l where l.seq = e.seq)
         limit 100",
    ),
    (
        "no event has two offsets",
        "select format('event %s has %s offsets', seq, count(*)) from log group by seq having count(*) > 1 limit 100",
    ),
    (
        "no subscription is ahead of the log",
        "select format('%s on %s/%s: %s of %s', c.grp, t.name, c.part, c.off, h.off)
         from cursor c join head h on h.topic = c.topic and h.part = c.part join topic t on t.id = c.topic
         where c.off > h.off",
    ),
    (
        "what waits in a lane is behind its subscription",
        "select format('%s: key %s, offset %s of %s', l.grp, l.key, l.off, c.off)
         from lane l join cursor c on c.grp = l.grp and c.topic = l.topic and c.part = l.part
         where l.off > c.off
         limit 100",
    ),
    (
        "exactly the keys with waiting events are parked",
        "select format('%s: key %s', coalesce(p.grp, l.grp), coalesce(p.key, l.key))
         from parked p
         full join (select distinct grp, topic, key from lane where state <> 'discarded') l
           on l.grp = p.grp and l.topic = p.topic and l.key = p.key
         where p.key is null or l.key is null
         limit 100",
    ),
    (
        "no process is past its deadline and still under way",
        "select format('%s %s of %s, step %s, deadline %s', p.kind, p.id, p.business_key, p.step, p.deadline)
         from process p
         where p.status in ('RUNNING', 'COMPENSATING') and p.deadline < (select max(at) from tick) - interval '5 minutes'
         limit 100",
    ),
];
