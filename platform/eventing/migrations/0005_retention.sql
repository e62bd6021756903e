-- Retention: events are dropped by whole partitions, and only when they are old,
-- everybody has read them, and no lane refers to them.

-- Seals full partitions: everything in them has its offset. Every number below
-- `hi` was drawn by a transaction that had its xid before (see `publish`), so once
-- the chain's snapshot has passed an xid taken later, all of them are sequenced.
create function seal_events() returns int
language plpgsql set search_path = events, pg_temp
as $$
declare
    drawn  bigint;
    passed xid8;
    n      int;
begin
    select case when is_called then last_value else 0 end into drawn from event_seq_seq;
    update event_part set full_xid = pg_current_xact_id() where not sealed and full_xid is null and hi <= drawn;
    select pg_snapshot_xmin(t.snap) into passed from tick t order by t.id desc limit 1;
    update event_part set sealed = true where not sealed and full_xid < passed;
    get diagnostics n = row_count;
    return n;
end $$;

-- Drops the oldest partition if it may go: its number, or null.
create function drop_events(older_than timestamptz) returns int
language plpgsql set search_path = events, pg_temp
as $$
declare
    oldest event_part;
    newest timestamptz;
    gone   bigint;
begin
    select * into oldest from event_part order by n limit 1 for update skip locked;
    if oldest.n is null or not oldest.sealed then
        return null;
    end if;
    select max(e.at) into newest from event e where e.seq >= oldest.lo and e.seq < oldest.hi;
    if newest >= older_than then
        return null;
    end if;
    -- Lanes are only added to by a group that moves its cursor past the event, and
    -- the cursors are looked at first.
    if exists (
        select from (select l.topic, l.part, max(l.off) as off from log l where l.seq >= oldest.lo and l.seq < oldest.hi group by 1, 2) as mine
        join cursor c on c.topic = mine.topic and c.part = mine.part
        where c.off < mine.off)
    then
        return null;
    end if;
    if exists (select from lane l where l.seq >= oldest.lo and l.seq < oldest.hi and l.state <> 'discarded') then
        return null;
    end if;
    execute format('drop table %I', 'event_p' || lpad(oldest.n::text, 6, '0'));
    delete from log l where l.seq >= oldest.lo and l.seq < oldest.hi;
    get diagnostics gone = row_count;
    delete from event_part where n = oldest.n;
    insert into operation (actor, action, detail)
    values ('galen', 'drop-events', jsonb_build_object('part', oldest.n, 'events', gone, 'newest', newest));
    return oldest.n;
end $$;

revoke all on all functions in schema events from public;
