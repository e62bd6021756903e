-- Erasing people: asked for by one administrator, approved by another one, and then
-- carried out for good.

create table erasure (
    id uuid primary key,
    patient_id uuid not null references patient,
    -- Sealed, and removed with the person.
    reason bytea constraint erasure_reason_sealed check (octet_length(reason) >= 45),
    requested_by uuid not null,
    requested_at timestamptz not null,
    approved boolean,
    decided_by uuid,
    decided_at timestamptz,
    -- When the keys of all records of the person were erased.
    completed_at timestamptz,
    status text not null generated always as (
        case
            when approved is null then 'OPEN'
            when not approved then 'REJECTED'
            when completed_at is null then 'APPROVED'
            else 'DONE'
        end
    ) stored,
    check ((approved is null) = (decided_by is null) and (approved is null) = (decided_at is null)),
    check (completed_at is null or approved),
    constraint erasure_has_a_reason check ((reason is null) = coalesce(approved, false)),
    constraint erasure_approved_by_another check (not approved or decided_by <> requested_by)
);
create unique index erasure_open_once on erasure (patient_id) where approved is null;
create index erasure_by_status on erasure (status, requested_at, id);

create function erasure_is_decided_once() returns trigger
    language plpgsql
    as $$
    begin
        if old.approved is null
           or (old.approved and old.completed_at is null and new.completed_at is not null
               and (new.approved, new.decided_by, new.decided_at) = (old.approved, old.decided_by, old.decided_at))
           -- A rejected request's reason is sealed anew with a newer key.
           or (not old.approved and (new.approved, new.decided_by, new.decided_at) = (old.approved, old.decided_by, old.decided_at)) then
            return new;
        end if;
        raise exception 'an erasure is decided once' using errcode = 'restrict_violation';
    end
    $$;

create trigger erasure_decided_once
    before update on erasure
    for each row execute function erasure_is_decided_once();

-- The row stays, with its number and what refers to it.
alter table patient
    add column erased_at timestamptz,
    add column keys_erased_at timestamptz,
    drop constraint patient_is_sealed,
    add constraint patient_is_sealed check ((demographics is null) = (erased_at is not null)) not valid,
    add constraint patient_erased_is_not_found check (
        erased_at is null
        or num_nonnulls(user_id, national_id_index, email_index, phone_index, birth_date_index, name_index, beginning_index) = 0
    ),
    add constraint patient_keys_erased_after check (keys_erased_at is null or erased_at is not null),
    drop column status,
    add column status text not null generated always as (
        case
            when erased_at is not null then 'ERASED'
            when merged_into is not null then 'MERGED'
            when deactivated_at is not null then 'INACTIVE'
            when is_deceased then 'DECEASED'
            else 'ACTIVE'
        end
    ) stored;
create index patient_erased on patient (id) where erased_at is not null;

create function erasure_is_for_good() returns trigger
    language plpgsql
    as $$
    begin
        raise exception 'an erased record stays erased' using errcode = 'restrict_violation';
    end
    $$;

create trigger patient_erased_for_good
    before update on patient
    for each row when (old.erased_at is not null and new.erased_at is distinct from old.erased_at)
    execute function erasure_is_for_good();

-- Why records were merged or parted is about people, and goes with them; that they were
-- stays.
create function merge_event_keeps_what_it_says() returns trigger
    language plpgsql
    as $$
    begin
        if new.reason = '[erased]' and to_jsonb(new) - 'reason' = to_jsonb(old) - 'reason' then
            return new;
        end if;
        raise exception 'the history of merges is append-only' using errcode = 'restrict_violation';
    end
    $$;

drop trigger merge_event_append_only on merge_event;
create trigger merge_event_append_only
    before delete or truncate on merge_event
    for each statement execute function merge_event_is_append_only();
create trigger merge_event_only_erased
    before update on merge_event
    for each row execute function merge_event_keeps_what_it_says();
