-- The log: who may use which topic, the events themselves (which are the outbox),
-- and the tick chain that gives each of them a dense offset.
--
-- Services have no rights on these tables. They call functions that run as the
-- owner of this schema and look at `session_user`, which a function cannot change.

-- Who calls: the service whose login role (`galen_<service>`) the session has.
create function caller() returns text
language sql stable
as $$ select case when starts_with(session_user::text, 'galen_') then substr(session_user::text, 7) end $$;

-- ---------------------------------------------------------------- topics, rights

create table topic (
    id    int2 generated always as identity primary key,
    name  text not null unique check (name ~ '^[a-z][a-z0-9_.]*$'),
    -- Fixed for the life of a topic: changing it would move keys between partitions.
    parts int2 not null check (parts between 1 and 256)
);

create table topic_right (
    service   text    not null,
    topic     int2    not null references topic,
    publishes boolean not null,
    primary key (service, topic)
);

-- The end of each partition of a topic. `tick` is the tick that moved it last.
create table head (
    topic int2   not null references topic,
    part  int2   not null,
    off   bigint not null default 0 check (off >= 0),
    tick  bigint not null default 0,
    primary key (topic, part)
) with (fillfactor = 20);

-- Says what a service may publish and read; what it published it may read as well.
-- Called by provisioning, as the owner.
create function allow(service text, publishes text[], subscribes text[]) returns void
language plpgsql set search_path = events, pg_temp
as $$
#variable_conflict use_column
begin
    insert into topic (name, parts)
    select t, 8 from (select unnest(publishes) union select unnest(subscribes)) as named (t) order by t
    on conflict (name) do nothing;

    insert into head (topic, part)
    select id, p from topic, generate_series(0, parts - 1) as p
    on conflict (topic, part) do nothing;

    insert into topic_right (service, topic, publishes)
    select allow.service, id, name = any (allow.publishes)
    from topic where name = any (allow.publishes || allow.subscribes)
    order by id
    on conflict (service, topic) do update set publishes = excluded.publishes;

    delete from topic_right r using topic t
    where r.service = allow.service and t.id = r.topic and not t.name = any (allow.publishes || allow.subscribes);
end $$;

-- ---------------------------------------------------------------- events

-- Inserted by `publish` only, never updated; whole partitions are dropped by age.
create table event (
    -- Drawn while the key's lock is held, one at a time (CACHE 1): along a key it
    -- rises in the order of commits.
    seq     bigint generated always as identity (cache 1),
    xid     xid8        not null default pg_current_xact_id(),
    id      uuid        not null,
    topic   int2        not null,
    part    int2        not null,
    key     text        not null,
    type    text        not null,
    at      timestamptz not null default clock_timestamp(),
    headers jsonb       not null,
    data    bytea       not null,
    primary key (seq)
) partition by range (seq);

create index event_xid on event (xid);

-- The partitions of `event`. One is sealed when everything in it has its offset,
-- and nothing can be added: the sequencer no longer looks at it.
create table event_part (
    n        int     primary key,
    lo       bigint  not null unique,
    hi       bigint  not null unique check (hi > lo),
    -- Every transaction that drew a number below `hi` is older than this one.
    full_xid xid8,
    sealed   boolean not null default false
);

-- Creates partitions until `ahead` empty ones follow the current one.
create function extend_events(ahead int, size bigint) returns int
language plpgsql set search_path = events, pg_temp
as $$
declare
    drawn   bigint;
    newest  event_part;
    created int := 0;
begin
    perform pg_advisory_xact_lock(hashtextextended('events.extend_events', 0));
    loop
        select case when is_called then last_value else 0 end into drawn from event_seq_seq;
        select * into newest from event_part order by n desc limit 1;
        exit when newest.n is not null and (select count(*) from event_part where lo > drawn) >= ahead;
        execute format('create table %I partition of event for values from (%s) to (%s)',
            'event_p' || lpad((coalesce(newest.n, -1) + 1)::text, 6, '0'),
            coalesce(newest.hi, 0), coalesce(newest.hi, 0) + size);
        insert into event_part (n, lo, hi) values (coalesce(newest.n, -1) + 1, coalesce(newest.hi, 0), coalesce(newest.hi, 0) + size);
        created := created + 1;
    end loop;
    return created;
end $$;

select extend_events(2, 4000000);

-- Adds events to the caller's transaction.
--
-- The key locks come first, in one order for everybody, and are held until the
-- commit: whoever publishes for a key next draws a higher `seq`. The transaction
-- gets its xid before it draws, which sealing relies on.
create function publish_many(ids uuid[], topics text[], keys text[], types text[], headers jsonb[], data bytea[]) returns void
language plpgsql
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    xid     xid8 := pg_current_xact_id();
    refused text;
begin
    select t into refused from (select distinct unnest(topics)) as wanted (t)
    where not exists (
        select from topic_right r join topic on topic.id = r.topic
        where r.service = caller() and r.publishes and topic.name = t)
    limit 1;
    if found then
        raise insufficient_privilege using message = format('service %s may not publish to topic %s', caller(), refused);
    end if;

    perform pg_advisory_xact_lock(lock)
    from (select distinct hashtextextended(t || '/' || k, 0) as lock from unnest(topics, keys) as u (t, k) order by 1) as locks;

    insert into event (xid, id, topic, part, key, type, headers, data)
    select xid, u.id, topic.id, (hashtextextended(u.key, 0) & 9223372036854775807) % topic.parts, u.key, u.type, u.headers, u.data
    from unnest(ids, topics, keys, types, headers, data) with ordinality as u (id, topic, key, type, headers, data, n)
    join topic on topic.name = u.topic
    order by u.n;
end $$;

create function publish(ids uuid[], topics text[], keys text[], types text[], headers jsonb[], data bytea[]) returns void
language plpgsql security definer set search_path = events, pg_temp
as $$
declare
    xid xid8 := pg_current_xact_id();
begin
    -- Nearly always it is one event: one statement, which draws its number after it
    -- has the lock. Without the right nothing is inserted.
    if cardinality(ids) = 1 then
        insert into event (xid, id, topic, part, key, type, headers, data)
        select xid, ids[1], topic.id, (hashtextextended(keys[1], 0) & 9223372036854775807) % topic.parts,
               keys[1], types[1], headers[1], data[1]
        from (select pg_advisory_xact_lock(hashtextextended(topics[1] || '/' || keys[1], 0))) as locked
        cross join topic join topic_right r on r.topic = topic.id
        where topic.name = topics[1] and r.service = caller() and r.publishes;
        if found then
            return;
        end if;
    end if;
    perform publish_many(ids, topics, keys, types, headers, data);
end $$;

-- ---------------------------------------------------------------- offsets

-- Dense offsets 1..head per topic and partition.
create table log (
    topic int2   not null,
    part  int2   not null,
    off   bigint not null,
    seq   bigint not null,
    primary key (topic, part, off)
);

-- Appended nearly in order of `seq`, so that a BRIN index finds what retention drops.
create index log_seq on log using brin (seq) with (pages_per_range = 32, autosummarize = on);

-- The chain: each tick sequenced exactly what its snapshot saw and its
-- predecessor's did not. Only written when there was something.
create table tick (
    id     bigint      primary key,
    -- Transaction ids mean nothing in another cluster.
    system bigint      not null,
    snap   pg_snapshot not null,
    -- Everything below was sequenced, whatever its xid says.
    floor  bigint      not null,
    at     timestamptz not null default clock_timestamp(),
    n      int         not null
);

insert into tick (id, system, snap, floor, n)
select 0, system_identifier, pg_current_snapshot(), 0, 0 from pg_control_system();

-- Events from `floor` on that became visible between two snapshots: their transaction
-- came after the former one and is over in the later, or was under way in the former
-- and has `ended`.
--
-- The plan is generic on purpose. A plan that is made with values looks at statistics,
-- and one that was made while a partition was empty would be kept when it is full;
-- without values a range of xids is always expected to be smaller than everything
-- from `floor` on, so that the index on xid is used, and `floor` only leaves out
-- partitions when the plan is started.
create function became_visible(floor bigint, low xid8, high xid8, seen pg_snapshot, ended xid8[], out seqs bigint[], out topics int2[], out parts int2[])
language plpgsql stable
set search_path = events, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    select array_agg(e.seq), array_agg(e.topic), array_agg(e.part) into seqs, topics, parts
    from event e
    where e.seq >= floor and e.xid >= low and e.xid < high and pg_visible_in_snapshot(e.xid, seen);
    if cardinality(ended) > 0 then
        -- One look for each, as a range: how many events share an xid is estimated
        -- from what was loaded in bulk.
        select seqs || array_agg(e.seq), topics || array_agg(e.topic), parts || array_agg(e.part) into seqs, topics, parts
        from unnest(ended) as x
        cross join lateral (select * from event where event.seq >= floor and event.xid >= x and event.xid <= x offset 0) as e;
    end if;
end $$;

-- Gives offsets to these events, as part of tick `id`. The caller has made sure that
-- nobody else does.
create function sequence_events(id bigint, seqs bigint[], topics int2[], parts int2[]) returns void
language plpgsql
set search_path = events, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
as $$
begin
    with ranked as materialized (
        select u.seq, u.topic, u.part,
               row_number() over (partition by u.topic, u.part order by u.seq) as rank,
               count(*) over (partition by u.topic, u.part) as n
        from unnest(seqs, topics, parts) as u (seq, topic, part)
    ), moved as (
        update head h set off = h.off + r.n, tick = sequence_events.id
        from ranked r
        where r.rank = 1 and h.topic = r.topic and h.part = r.part
        returning h.topic, h.part, h.off
    )
    insert into log (topic, part, off, seq)
    select r.topic, r.part, m.off - r.n + r.rank, r.seq
    from ranked r join moved m on m.topic = r.topic and m.part = r.part;
end $$;

-- Gives offsets to what was committed since the last tick, and returns the heads
-- that moved after tick `known`, whoever moved them.
--
-- Why nothing is lost, doubled or reordered: tick k+1 reads tick k and then takes
-- its snapshot, so snapshots grow along the chain and every transaction becomes
-- visible between exactly two of them; the primary key of `tick` admits one
-- successor. Offsets are head + row number under the heads' locks, so they are
-- always 1..head. Along a key, the later transaction drew a higher `seq`, and every
-- snapshot that sees it sees the earlier one too.
create function tick(known bigint) returns table (topic int2, part int2, off bigint, tick bigint)
language plpgsql
set search_path = events, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
as $$
#variable_conflict use_column
declare
    former tick;
    here   bigint;
    seen   pg_snapshot;
    low    xid8;
    high   xid8;
    ended  xid8[];
    floor  bigint;
    seqs   bigint[];
    topics int2[];
    parts  int2[];
begin
    -- Politeness only; the fence is the primary key of `tick`.
    if pg_try_advisory_xact_lock(hashtextextended('events.tick', 0)) then
        select * into former from tick t order by t.id desc limit 1;
        seen := pg_current_snapshot();
        low := pg_snapshot_xmax(former.snap);
        high := pg_snapshot_xmax(seen);
        ended := array(select pg_snapshot_xip(former.snap) except select pg_snapshot_xip(seen));
        select system_identifier into here from pg_control_system();
        if here <> former.system or high < low then
            raise exception 'the transaction ids of the log are not of this cluster, as after a restore: run events.reanchor()'
                using errcode = 'object_not_in_prerequisite_state';
        end if;
        if high > low or cardinality(ended) > 0 then
            select greatest(former.floor, max(p.hi)) into floor from event_part p where p.sealed;
            select v.seqs, v.topics, v.parts into seqs, topics, parts
            from became_visible(floor, low, high, seen, ended) as v;
        end if;
        if seqs is not null then
            -- What is published from here on must survive a crash, and with it every
            -- event it names, even of a transaction that did not wait for the disk.
            perform set_config('synchronous_commit', 'on', true);
            insert into tick (id, system, snap, floor, n) values (former.id + 1, here, seen, floor, cardinality(seqs));
            perform sequence_events(former.id + 1, seqs, topics, parts);
        end if;
    end if;

    return query select h.topic, h.part, h.off, h.tick from head h where h.tick > known;
end $$;

-- After a restore into another cluster, whose transaction ids start elsewhere:
-- sequences what has no offset yet and restarts the chain. Returns how many.
create function reanchor() returns bigint
language plpgsql set search_path = events, pg_temp
as $$
declare
    next   bigint;
    seqs   bigint[];
    topics int2[];
    parts  int2[];
begin
    -- Nobody publishes or ticks meanwhile.
    lock table event, tick in exclusive mode;
    select max(id) + 1 into next from tick;
    update event_part set full_xid = null where not sealed;
    select array_agg(e.seq), array_agg(e.topic), array_agg(e.part) into seqs, topics, parts
    from event e where not exists (select from log l where l.seq = e.seq);
    perform sequence_events(next, seqs, topics, parts);
    insert into tick (id, system, snap, floor, n)
    select next, system_identifier, pg_current_snapshot(), (select coalesce(max(seq), 0) + 1 from event), coalesce(cardinality(seqs), 0)
    from pg_control_system();
    return coalesce(cardinality(seqs), 0);
end $$;

-- ---------------------------------------------------------------- leases

create table lease (
    service    text        not null,
    name       text        not null,
    holder     uuid,
    epoch      bigint      not null,
    held_until timestamptz not null,
    primary key (service, name)
) with (fillfactor = 50);

-- Takes or renews a lease of the caller's own; null when somebody else holds it.
-- The epoch rises when the holder changes.
create function take_lease(name text, holder uuid, seconds double precision) returns bigint
language sql security definer set search_path = events, pg_temp
as $$
    insert into lease as l (service, name, holder, epoch, held_until)
    values (caller(), take_lease.name, take_lease.holder, 1, clock_timestamp() + make_interval(secs => seconds))
    on conflict (service, name) do update
        set epoch = l.epoch + case when l.holder is not distinct from excluded.holder then 0 else 1 end,
            holder = excluded.holder, held_until = excluded.held_until
        where l.holder is null or l.holder = excluded.holder or l.held_until < clock_timestamp()
    returning l.epoch
$$;

create function release_lease(name text, holder uuid) returns void
language sql security definer set search_path = events, pg_temp
as $$
    update lease set holder = null
    where service = caller() and lease.name = release_lease.name and lease.holder = release_lease.holder
$$;

-- ---------------------------------------------------------------- rights

revoke all on all functions in schema events from public;
grant usage on schema events to galen_service;
grant execute on function publish(uuid[], text[], text[], text[], jsonb[], bytea[]) to galen_service;
grant execute on function take_lease(text, uuid, double precision) to galen_service;
grant execute on function release_lease(text, uuid) to galen_service;
