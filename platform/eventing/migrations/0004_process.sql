-- Process managers: one row per instance, and its history. A service sees its own
-- only.

create table process (
    id           uuid        primary key,
    service      text        not null,
    kind         text        not null,
    business_key text        not null,
    -- The definition it started under.
    definition   int2        not null,
    status       text        not null check (status in ('RUNNING', 'COMPENSATING', 'COMPLETED', 'REJECTED', 'COMPENSATED', 'SUSPENDED')),
    step         text        not null,
    state        jsonb       not null,
    version      int         not null default 1,
    deadline     timestamptz not null,
    started_at   timestamptz not null default clock_timestamp(),
    updated_at   timestamptz not null default clock_timestamp(),
    unique (service, kind, business_key)
);

create index process_open on process (status, id) where status in ('RUNNING', 'COMPENSATING', 'SUSPENDED');

-- What moved an instance, and whereto.
create table process_step (
    process uuid        not null references process,
    n       int         not null,
    trigger text        not null,
    status  text        not null,
    step    text        not null,
    at      timestamptz not null default clock_timestamp(),
    primary key (process, n)
);

-- Begins an instance: its id, and whether it is new.
create function begin_process(id uuid, kind text, business_key text, definition int2, deadline timestamptz, state jsonb, status text, step text)
returns table (process uuid, created boolean)
language plpgsql security definer set search_path = events, pg_temp
as $$
#variable_conflict use_column
begin
    insert into process (id, service, kind, business_key, definition, deadline, state, status, step)
    values (begin_process.id, caller(), begin_process.kind, begin_process.business_key, begin_process.definition,
            begin_process.deadline, begin_process.state, begin_process.status, begin_process.step)
    on conflict (service, kind, business_key) do nothing;
    if found then
        insert into process_step (process, n, trigger, status, step)
        values (begin_process.id, 1, 'Started', begin_process.status, begin_process.step);
        return query select begin_process.id, true;
    else
        return query select p.id, false from process p
        where p.service = caller() and p.kind = begin_process.kind and p.business_key = begin_process.business_key;
    end if;
end $$;

-- Locks an instance, named by its id or its business key.
create function lock_process(kind text, id uuid, business_key text)
returns table (process uuid, key text, definition int2, deadline timestamptz, state jsonb, status text)
language plpgsql security definer set search_path = events, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select p.id, p.business_key, p.definition, p.deadline, p.state, p.status from process p
    where p.service = caller() and p.kind = lock_process.kind
      and ((lock_process.id is not null and p.id = lock_process.id)
        or (lock_process.business_key is not null and p.business_key = lock_process.business_key))
    for update;
end $$;

-- Stores what an instance decided; false when it is not the caller's.
create function save_process(id uuid, state jsonb, status text, step text, trigger text) returns boolean
language plpgsql security definer set search_path = events, pg_temp
as $$
declare
    n int;
begin
    update process p
    set state = save_process.state, status = save_process.status, step = save_process.step,
        version = p.version + 1, updated_at = clock_timestamp()
    where p.id = save_process.id and p.service = caller()
    returning p.version into n;
    if n is null then
        return false;
    end if;
    insert into process_step (process, n, trigger, status, step)
    values (save_process.id, n, save_process.trigger, save_process.status, save_process.step);
    return true;
end $$;

-- Where an instance stands.
create function process_status(kind text, business_key text) returns text
language sql stable security definer set search_path = events, pg_temp
as $$
    select p.status from process p
    where p.service = caller() and p.kind = process_status.kind and p.business_key = process_status.business_key
$$;

revoke all on all functions in schema events from public;
grant execute on function begin_process(uuid, text, text, int2, timestamptz, jsonb, text, text) to galen_service;
grant execute on function lock_process(text, uuid, text) to galen_service;
grant execute on function save_process(uuid, jsonb, text, text, text) to galen_service;
grant execute on function process_status(text, text) to galen_service;
