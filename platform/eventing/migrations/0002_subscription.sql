-- Reading the log: which process owns which partition, how far each group has
-- come, and the lane of each key whose events failed.

-- ---------------------------------------------------------------- ownership

-- The running processes. One whose time has passed is taken for dead.
create table member (
    instance    uuid        primary key,
    groups      text[]      not null,
    alive_until timestamptz not null
) with (fillfactor = 20);

-- How far a group has applied a partition. `epoch` rises with every change of
-- owner; an effect commits only together with a move of `off` under its epoch.
create table cursor (
    grp   text   not null check (grp ~ '^[a-z][a-z0-9_]*\.[a-z0-9_.-]+$'),
    topic int2   not null,
    part  int2   not null,
    off   bigint not null check (off >= 0),
    owner uuid,
    epoch bigint not null default 0,
    primary key (grp, topic, part),
    foreign key (topic, part) references head
) with (fillfactor = 20);

-- Makes sure a group has its cursors: at the beginning of what the log still has.
create function register_group(grp text, topics text[]) returns void
language sql set search_path = events, pg_temp
as $$
    insert into cursor (grp, topic, part, off)
    select register_group.grp, h.topic, h.part,
           coalesce((select l.off - 1 from log l where l.topic = h.topic and l.part = h.part order by l.off limit 1), h.off)
    from head h join topic t on t.id = h.topic
    where t.name = any (topics)
    order by h.topic, h.part
    on conflict do nothing
$$;

-- Says that a process lives, and who else does.
create function heartbeat(me uuid, hears text[], seconds double precision) returns table (instance uuid, groups text[])
language plpgsql set search_path = events, pg_temp
as $$
#variable_conflict use_column
begin
    insert into member as m (instance, groups, alive_until)
    values (me, hears, clock_timestamp() + make_interval(secs => seconds))
    on conflict (instance) do update set groups = excluded.groups, alive_until = excluded.alive_until;
    delete from member where alive_until < clock_timestamp() - interval '1 minute';
    return query select m.instance, m.groups from member m where m.alive_until > clock_timestamp() order by 1;
end $$;

-- Takes partitions whose owner gave them back or is dead. A row that somebody is
-- just moving is left for the next try. An exclusive process knows that there is
-- no other, and takes from whoever stands there.
create function claim(me uuid, exclusive boolean, grps text[], topics int2[], parts int2[])
returns table (grp text, topic int2, part int2, off bigint, epoch bigint)
language plpgsql set search_path = events, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    with free as (
        select c.grp, c.topic, c.part
        from cursor c join unnest(grps, topics, parts) as w (grp, topic, part) on c.grp = w.grp and c.topic = w.topic and c.part = w.part
        where exclusive or c.owner is null
           or not exists (select from member m where m.instance = c.owner and m.alive_until > clock_timestamp())
        order by 1, 2, 3
        for update of c skip locked
    )
    update cursor c set owner = me, epoch = c.epoch + 1
    from free f
    where c.grp = f.grp and c.topic = f.topic and c.part = f.part
    returning c.grp, c.topic, c.part, c.off, c.epoch;
end $$;

-- Gives one partition back.
create function release(me uuid, grp text, topic int2, part int2, epoch bigint) returns void
language sql set search_path = events, pg_temp
as $$
    update cursor c set owner = null
    where c.grp = release.grp and c.topic = release.topic and c.part = release.part and c.owner = me and c.epoch = release.epoch
$$;

-- A process goes: gives everything back.
create function leave(me uuid) returns void
language sql set search_path = events, pg_temp
as $$
    update cursor set owner = null where owner = me;
    delete from member where instance = me;
$$;

-- ---------------------------------------------------------------- reading

-- A group belongs to the service that its name begins with.
create function require_group(grp text) returns void
language plpgsql stable set search_path = events, pg_temp
as $$
begin
    if starts_with(grp, caller() || '.') is not true then
        raise insufficient_privilege using message = format('service %s does not own group %s', caller(), grp);
    end if;
end $$;

create function require_reader(grp text, topic int2) returns void
language plpgsql stable set search_path = events, pg_temp
as $$
begin
    perform require_group(grp);
    if not exists (select from topic_right r where r.service = caller() and r.topic = require_reader.topic) then
        raise insufficient_privilege using message = format('service %s may not read topic %s', caller(), topic);
    end if;
end $$;

-- Events of ranges of offsets, each (after, upto] of a partition, whose type is like one
-- of the patterns; `n` counts the offsets of all ranges in order. In two steps, ranges
-- of the log and then one look for each number, because a join of the two would be
-- planned by the statistics of an empty partition. Offsets are dense, so a missing one
-- is damage and not patience. `waits` says that the key is parked: only the partition's
-- owner parks, so a key that does not wait now still does not when the owner applies
-- the event.
create function read_events(grp text, topics int2[], parts int2[], afters bigint[], uptos bigint[], types text[])
returns table (n bigint, seq bigint, id uuid, key text, type text, at timestamptz, headers jsonb, data bytea, waits boolean)
language plpgsql stable security definer
set search_path = events, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
#variable_conflict use_column
declare
    seqs       bigint[];
    wanted     bigint;
    any_parked boolean;
begin
    perform require_reader(read_events.grp, t) from (select distinct unnest(topics)) as asked (t);
    seqs := array(
        select l.seq
        from unnest(topics, parts, afters, uptos) with ordinality as r (topic, part, after, upto, n)
        cross join lateral (
            select log.off, log.seq from log
            where log.topic = r.topic and log.part = r.part and log.off > r.after and log.off <= r.upto
            order by log.off) as l
        order by r.n, l.off);
    select sum(r.upto - r.after) into wanted from unnest(afters, uptos) as r (after, upto);
    if cardinality(seqs) <> wanted then
        raise data_corrupted using message = format('the log is not whole: %s of %s offsets after %s of topics %s, partitions %s',
            cardinality(seqs), wanted, afters, topics, parts);
    end if;
    any_parked := exists (select from parked p where p.grp = read_events.grp);
    return query
    select u.n, e.seq, e.id, e.key, e.type, e.at, e.headers, e.data,
           any_parked and exists (select from parked p where p.grp = read_events.grp and p.topic = e.topic and p.key = e.key)
    from unnest(seqs) with ordinality as u (seq, n)
    cross join lateral (select * from event where event.seq = u.seq offset 0) as e
    where e.type like any (types)
    order by u.n;
end $$;

-- Where a partition of a group stands.
create function cursor_of(grp text, topic int2, part int2) returns table (off bigint, epoch bigint)
language sql stable security definer set search_path = events, pg_temp
as $$
    select c.off, c.epoch from cursor c, require_group(cursor_of.grp)
    where c.grp = cursor_of.grp and c.topic = cursor_of.topic and c.part = cursor_of.part
$$;

-- Moves cursors as part of the effect's transaction: false, and the effect must not
-- commit, when one of the partitions has another owner or was moved meanwhile.
create function advance(grp text, topics int2[], parts int2[], epochs bigint[], formers bigint[], offs bigint[]) returns boolean
language plpgsql security definer
set search_path = events, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
    moved int;
begin
    perform require_group(advance.grp);
    update cursor c set off = u.off
    from unnest(topics, parts, epochs, formers, offs) as u (topic, part, epoch, former, off)
    where c.grp = advance.grp and c.topic = u.topic and c.part = u.part and c.epoch = u.epoch and c.off = u.former;
    get diagnostics moved = row_count;
    return moved = cardinality(topics);
end $$;

-- Locks a group's cursors, for the swap of a rebuilt projection.
create function hold_group(grp text) returns table (topic int2, part int2, off bigint)
language plpgsql security definer set search_path = events, pg_temp
as $$
#variable_conflict use_column
begin
    perform require_group(hold_group.grp);
    return query select c.topic, c.part, c.off from cursor c where c.grp = hold_group.grp order by 1, 2 for update;
end $$;

-- ---------------------------------------------------------------- lanes

-- Keys that wait behind a failure. Its row is the lock of the key's lane: whoever
-- adds to a lane or drains it holds this first.
create table parked (
    grp   text        not null,
    topic int2        not null references topic,
    key   text        not null,
    since timestamptz not null default clock_timestamp(),
    primary key (grp, topic, key)
);

-- Failed events and what waits behind them, in order per key. A lane holds the last
-- events of its key below the cursor. What was discarded stays as a record, and so
-- that a rebuild does not apply it after all.
create table lane (
    id          bigint      generated always as identity unique,
    grp         text        not null,
    topic       int2        not null references topic,
    key         text        not null,
    off         bigint      not null,
    part        int2        not null,
    seq         bigint      not null,
    state       text        not null check (state in ('retry', 'blocked', 'dead', 'discarded')),
    attempts    int         not null default 0,
    next_at     timestamptz not null default clock_timestamp(),
    first_at    timestamptz not null default clock_timestamp(),
    error_class text,
    error       text,
    primary key (grp, topic, key, off),
    check ((state = 'blocked') or error_class is not null or attempts = 0)
);

create index lane_due on lane (next_at) where state = 'retry';
create index lane_seq on lane (seq);

-- Which of these keys wait, locked until the end of the transaction.
create function parked_among(grp text, topic int2, keys text[]) returns setof text
language plpgsql security definer set search_path = events, pg_temp
as $$
#variable_conflict use_column
begin
    perform require_group(parked_among.grp);
    return query
    select p.key from parked p
    where p.grp = parked_among.grp and p.topic = parked_among.topic and p.key = any (keys)
    order by p.key for update;
end $$;

-- Adds events to their keys' lanes, in order.
create function park(grp text, topic int2, part int2, keys text[], offs bigint[], seqs bigint[], states text[], classes text[], errors text[], delays double precision[]) returns void
language plpgsql security definer set search_path = events, pg_temp
as $$
#variable_conflict use_column
begin
    perform require_group(park.grp);
    insert into parked (grp, topic, key)
    select distinct park.grp, park.topic, k from unnest(keys) as k order by k
    on conflict do nothing;
    insert into lane (grp, topic, part, key, off, seq, state, attempts, next_at, error_class, error)
    select park.grp, park.topic, park.part, u.key, u.off, u.seq, u.state,
           case when u.state = 'blocked' then 0 else 1 end,
           clock_timestamp() + make_interval(secs => u.delay), u.class, u.error
    from unnest(keys, offs, seqs, states, classes, errors, delays) as u (key, off, seq, state, class, error, delay)
    order by u.off;
end $$;

-- What is due, soonest first, and how long the rest has to wait.
create function due_lanes(groups text[], n int) returns table (grp text, topic int2, key text, wait double precision)
language sql stable set search_path = events, pg_temp
as $$
    select l.grp, l.topic, l.key, extract(epoch from l.next_at - clock_timestamp())::double precision
    from lane l where l.state = 'retry' and l.grp = any (groups)
    order by l.next_at limit n
$$;

-- Locks a lane and returns its first events, if the first of them is due.
create function open_lane(grp text, topic int2, key text, n int)
returns table (off bigint, part int2, attempts int, id uuid, type text, at timestamptz, headers jsonb, data bytea)
language plpgsql security definer
set search_path = events, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
#variable_conflict use_column
declare
    first lane;
begin
    perform require_reader(open_lane.grp, open_lane.topic);
    perform from parked p where p.grp = open_lane.grp and p.topic = open_lane.topic and p.key = open_lane.key for update;
    if not found then
        return;
    end if;
    select * into first from lane l
    where l.grp = open_lane.grp and l.topic = open_lane.topic and l.key = open_lane.key and l.state <> 'discarded'
    order by l.off limit 1;
    if first.state is distinct from 'retry' or first.next_at > clock_timestamp() then
        return;
    end if;
    return query
    select w.off, w.part, w.attempts, e.id, e.type, e.at, e.headers, e.data
    from (
        select l.off, l.part, l.attempts, l.seq from lane l
        where l.grp = open_lane.grp and l.topic = open_lane.topic and l.key = open_lane.key and l.state <> 'discarded'
        order by l.off limit open_lane.n) as w
    cross join lateral (select * from event where event.seq = w.seq offset 0) as e
    order by w.off;
end $$;

-- Lets the next event of a lane be tried, or frees the key when there is none.
-- The caller holds the lane.
create function promote_lane(grp text, topic int2, key text) returns void
language plpgsql set search_path = events, pg_temp
as $$
declare
    first lane;
begin
    select * into first from lane l
    where l.grp = promote_lane.grp and l.topic = promote_lane.topic and l.key = promote_lane.key and l.state <> 'discarded'
    order by l.off limit 1;
    if not found then
        delete from parked p where p.grp = promote_lane.grp and p.topic = promote_lane.topic and p.key = promote_lane.key;
    elsif first.state = 'blocked' then
        update lane l set state = 'retry', next_at = clock_timestamp() where l.id = first.id;
    end if;
end $$;

-- Ends a visit to a lane: `done` are applied, `failed` (if any) failed once more.
create function close_lane(grp text, topic int2, key text, done bigint[], failed bigint, state text, class text, error text, delay double precision) returns void
language plpgsql security definer set search_path = events, pg_temp
as $$
begin
    perform require_group(close_lane.grp);
    delete from lane l
    where l.grp = close_lane.grp and l.topic = close_lane.topic and l.key = close_lane.key and l.off = any (done);
    if failed is not null then
        update lane l
        set state = close_lane.state, attempts = l.attempts + 1, next_at = clock_timestamp() + make_interval(secs => delay),
            error_class = close_lane.class, error = close_lane.error
        where l.grp = close_lane.grp and l.topic = close_lane.topic and l.key = close_lane.key and l.off = failed;
    end if;
    perform promote_lane(close_lane.grp, close_lane.topic, close_lane.key);
end $$;

-- Something else was away: tries a lane later without counting it.
create function postpone_lane(grp text, topic int2, key text, delay double precision) returns void
language plpgsql security definer set search_path = events, pg_temp
as $$
begin
    perform require_group(postpone_lane.grp);
    update lane l set next_at = clock_timestamp() + make_interval(secs => delay)
    where l.grp = postpone_lane.grp and l.topic = postpone_lane.topic and l.key = postpone_lane.key and l.state = 'retry';
end $$;

-- What a rebuild must not apply: the lanes within (after, upto] of a partition.
create function in_lanes(grp text, topic int2, part int2, after bigint, upto bigint) returns table (key text, off bigint, discarded boolean)
language plpgsql stable security definer set search_path = events, pg_temp
as $$
#variable_conflict use_column
begin
    perform require_group(in_lanes.grp);
    return query
    select l.key, l.off, l.state = 'discarded' from lane l
    where l.grp = in_lanes.grp and l.topic = in_lanes.topic and l.part = in_lanes.part and l.off > after and l.off <= upto
    order by l.off;
end $$;

-- ---------------------------------------------------------------- operators

-- What operators did, and retention.
create table operation (
    id     bigint      generated always as identity primary key,
    at     timestamptz not null default clock_timestamp(),
    actor  text        not null check (actor <> ''),
    action text        not null,
    reason text,
    detail jsonb       not null
);

-- ---------------------------------------------------------------- rights

revoke all on all functions in schema events from public;
grant execute on function read_events(text, int2[], int2[], bigint[], bigint[], text[]) to galen_service;
grant execute on function cursor_of(text, int2, int2) to galen_service;
grant execute on function advance(text, int2[], int2[], bigint[], bigint[], bigint[]) to galen_service;
grant execute on function hold_group(text) to galen_service;
grant execute on function parked_among(text, int2, text[]) to galen_service;
grant execute on function park(text, int2, int2, text[], bigint[], bigint[], text[], text[], text[], double precision[]) to galen_service;
grant execute on function open_lane(text, int2, text, int) to galen_service;
grant execute on function close_lane(text, int2, text, bigint[], bigint, text, text, text, double precision) to galen_service;
grant execute on function postpone_lane(text, int2, text, double precision) to galen_service;
grant execute on function in_lanes(text, int2, int2, bigint, bigint) to galen_service;
