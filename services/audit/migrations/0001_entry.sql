-- The entries. They are inserted by `record` only and never changed: nobody has the
-- right to, the owner included, and a trigger refuses whoever takes it.
--
-- Services have no rights on this schema's tables. `record` runs as the owner and
-- looks at `session_user`, which a function cannot change: no service can write in
-- the name of another.

create table entry (
    -- Not the place in the tree: the order of drawing is not the order of commits.
    seq          bigint      generated always as identity (cache 1) primary key,
    id           uuid        not null,
    -- By the one clock of the database: no service can date its entries back.
    at           timestamptz not null default clock_timestamp(),
    service      text        not null,
    kind         text        not null check (kind in ('READ', 'WRITE', 'DENY', 'LOGIN', 'ADMIN')),
    actor_kind   text        not null check (actor_kind in ('USER', 'SERVICE', 'ANONYMOUS')),
    actor        text        check (length(actor) <= 64),
    session      uuid,
    roles        text[]      not null,
    action       text        not null check (length(action) between 1 and 256),
    permission   text        check (length(permission) <= 64),
    subject_kind text        check (length(subject_kind) <= 64),
    subject      text        check (length(subject) <= 128),
    patients     uuid[]      not null,
    status       smallint    not null check (status between 100 and 599),
    reason       text        check (length(reason) <= 128),
    address      text        check (length(address) <= 64),
    trace_id     text        check (trace_id ~ '^[0-9a-f]{32}$'),
    request_id   text        check (length(request_id) <= 128),
    check ((actor_kind = 'ANONYMOUS') = (actor is null))
);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise insufficient_privilege using message = format('%s.%s is append-only', tg_table_schema, tg_table_name);
end $$;

create trigger append_only before update or delete or truncate on entry
for each statement execute function refuse_change();
revoke update, delete, truncate on entry from current_user;

-- Adds entries to the caller's transaction.
--
-- The transaction gets its id before it draws a number: whoever reads the last
-- number first and the snapshot of running transactions afterwards knows that no
-- number up to that one can appear later than those transactions end.
create function record(entries jsonb) returns void
language plpgsql security definer set search_path = audit, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    xid xid8 := pg_current_xact_id();
begin
    insert into entry (id, service, kind, actor_kind, actor, session, roles, action, permission,
        subject_kind, subject, patients, status, reason, address, trace_id, request_id)
    select e.id, case when starts_with(session_user::text, 'galen_') then substr(session_user::text, 7) end,
        e.kind, e.actor_kind, e.actor, e.session, e.roles, e.action, e.permission,
        e.subject_kind, e.subject, e.patients, e.status, e.reason, e.address, e.trace_id, e.request_id
    from jsonb_to_recordset(entries) as e (id uuid, kind text, actor_kind text, actor text, session uuid,
        roles text[], action text, permission text, subject_kind text, subject text, patients uuid[],
        status smallint, reason text, address text, trace_id text, request_id text);
end $$;

revoke all on function record(jsonb), refuse_change() from public;
grant usage on schema audit to galen_service, galen_events;
grant execute on function record(jsonb) to galen_service, galen_events;
