-- Merges: two records of one person, told as events and never rewritten, so that
-- undoing one restores exactly what was before.

create table merge_event (
    id uuid primary key,
    -- Names the merge; its undoing carries the same.
    merge_id uuid not null,
    retired_id uuid not null references patient,
    survivor_id uuid not null references patient,
    -- Counts the events of the retired record from 1: merged, unmerged, merged, …
    -- Two clerks who decide at once make the same number, and one of them fails.
    seq integer not null check (seq > 0),
    kind text not null check (kind in ('MERGED', 'UNMERGED')),
    reason text not null check (length(reason) between 1 and 500),
    decided_by uuid not null,
    decided_at timestamptz not null,
    constraint merge_event_order unique (retired_id, seq),
    constraint merge_event_alternates check ((kind = 'MERGED') = (seq % 2 = 1)),
    check (retired_id <> survivor_id)
);
create index on merge_event (survivor_id);

create function merge_event_is_append_only() returns trigger
    language plpgsql
    as $$
    begin
        raise exception 'the history of merges is append-only' using errcode = 'restrict_violation';
    end
    $$;

create trigger merge_event_append_only
    before update or delete or truncate on merge_event
    for each statement execute function merge_event_is_append_only();

-- The record that stands for the person: itself, or the end of the chain of merges.
create function survivor_of(record uuid) returns uuid
    language sql stable strict parallel safe
    as $$
    with recursive walk (id, merged_into) as (
        select id, merged_into from patient where id = record
        union
        select p.id, p.merged_into from walk w join patient p on p.id = w.merged_into
    )
    select id from walk where merged_into is null
    $$;

-- The record and all that were merged into it, directly or through others.
create function records_of(record uuid) returns setof uuid
    language sql stable strict parallel safe
    as $$
    with recursive walk (id) as (
        select id from patient where id = record
        union
        select p.id from walk w join patient p on p.merged_into = w.id
    )
    select id from walk
    $$;
