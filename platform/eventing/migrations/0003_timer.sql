-- Durable timers. A service sees its own only.

create table timer (
    service  text             not null,
    kind     text             not null,
    key      text collate "C" not null,
    fire_at  timestamptz      not null,
    -- When to fire, or to try again after a failure.
    next_at  timestamptz      not null,
    payload  jsonb            not null,
    -- Trace and correlation of whoever set it.
    headers  jsonb            not null,
    attempts int              not null default 0,
    error_class text,
    error    text,
    primary key (service, kind, key)
);

create index timer_due on timer (service, kind, next_at);

-- One timer per kind and key: setting it again moves it.
create function set_timer(kind text, key text, fire_at timestamptz, payload jsonb, headers jsonb) returns void
language plpgsql security definer set search_path = events, pg_temp
as $$
#variable_conflict use_column
begin
    insert into timer (service, kind, key, fire_at, next_at, payload, headers)
    values (caller(), set_timer.kind, set_timer.key, set_timer.fire_at, set_timer.fire_at, set_timer.payload, set_timer.headers)
    on conflict (service, kind, key) do update
        set fire_at = excluded.fire_at, next_at = excluded.next_at, payload = excluded.payload, headers = excluded.headers,
            attempts = 0, error_class = null, error = null;
end $$;

create function cancel_timer(kind text, key text) returns void
language sql security definer set search_path = events, pg_temp
as $$
    delete from timer t where t.service = caller() and t.kind = cancel_timer.kind and t.key = cancel_timer.key
$$;

-- Cancels every timer whose key begins so.
create function cancel_timers(kind text, prefix text) returns void
language sql security definer set search_path = events, pg_temp
as $$
    delete from timer t
    -- The last code point ends the range, so that the index does: keys are compared as bytes.
    where t.service = caller() and t.kind = cancel_timers.kind and t.key >= prefix and t.key < prefix || U&'\+10FFFF'
$$;

-- Takes due timers: they are gone if the caller's transaction commits, and come
-- back if it does not. `wanted` names one of them.
create function take_timers(kinds text[], now timestamptz, n int, wanted text)
returns table (kind text, key text, fire_at timestamptz, payload jsonb, headers jsonb, attempts int)
language plpgsql security definer set search_path = events, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    with due as (
        select t.service, t.kind, t.key from timer t
        where t.service = caller() and t.kind = any (kinds) and t.next_at <= take_timers.now and (wanted is null or t.key = wanted)
        order by t.next_at, t.kind, t.key limit n
        for update skip locked
    )
    delete from timer t using due d
    where t.service = d.service and t.kind = d.kind and t.key = d.key
    returning t.kind, t.key, t.fire_at, t.payload, t.headers, t.attempts;
end $$;

-- A timer's handler failed: it is tried again. `counts` says whether it was to blame.
create function fail_timer(kind text, key text, fire_at timestamptz, next_at timestamptz, counts boolean, class text, error text) returns void
language sql security definer set search_path = events, pg_temp
as $$
    update timer t
    set next_at = fail_timer.next_at, attempts = t.attempts + counts::int, error_class = class, error = fail_timer.error
    where t.service = caller() and t.kind = fail_timer.kind and t.key = fail_timer.key and t.fire_at = fail_timer.fire_at
$$;

-- When each of these kinds has to be looked at next, if ever.
create function next_timers(services text[], kinds text[]) returns table (service text, next_at timestamptz)
language sql stable set search_path = events, pg_temp
as $$
    select w.service, n.next_at
    from unnest(services, kinds) as w (service, kind)
    cross join lateral (
        select t.next_at from timer t where t.service = w.service and t.kind = w.kind order by t.next_at limit 1) as n
$$;

revoke all on all functions in schema events from public;
grant execute on function set_timer(text, text, timestamptz, jsonb, jsonb) to galen_service;
grant execute on function cancel_timer(text, text) to galen_service;
grant execute on function cancel_timers(text, text) to galen_service;
grant execute on function take_timers(text[], timestamptz, int, text) to galen_service;
grant execute on function fail_timer(text, text, timestamptz, timestamptz, boolean, text, text) to galen_service;
