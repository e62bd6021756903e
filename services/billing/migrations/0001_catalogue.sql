-- What care costs, who insures it, and by which rules.

create table payer (
    id uuid primary key,
    name text collate "C" not null check (length(name) between 1 and 200),
    kind text not null check (kind in ('INSURER', 'GOVERNMENT', 'EMPLOYER', 'OTHER')),
    -- What the payer is called in claims, such as an institution number.
    identifier text check (length(identifier) between 1 and 64),
    active boolean not null default true,
    version bigint not null default 1 check (version > 0),
    registered_at timestamptz not null,
    constraint payer_identifier_once unique (identifier)
);

create index payer_by_name on payer (name, id);

-- Prices by day. What was a price stays one: a tariff is ended and followed.
create table tariff (
    id uuid primary key,
    service_code text collate "C" not null check (service_code ~ '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$'),
    -- The kind of the service, by which plans may know it.
    category text check (length(category) between 1 and 64),
    -- Agreed with this payer; null: for everybody.
    payer_id uuid references payer,
    -- In encounters of this class (v3 ActCode); null: in all.
    encounter_class text check (encounter_class in ('AMB', 'EMER', 'IMP')),
    -- Minor units for one unit of the service. What costs nothing has no tariff.
    amount bigint not null check (amount between 1 and 1000000000000),
    currency text not null check (length(currency) = 3),
    valid_from date not null,
    -- The first day on which it is no longer the price; the same as the first: never was.
    valid_to date constraint tariff_ends_after_start check (valid_to >= valid_from),
    version bigint not null default 1 check (version > 0),
    recorded_at timestamptz not null,
    constraint tariff_overlap exclude using gist (
        service_code with =,
        coalesce(payer_id, '00000000-0000-0000-0000-000000000000'::uuid) with =,
        coalesce(encounter_class, '') with =,
        daterange(valid_from, valid_to) with &&
    )
);

create index tariff_by_code on tariff (service_code, valid_from, id);
create index tariff_by_payer on tariff (payer_id, service_code, valid_from, id);

create function tariff_stays() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' or (new.id, new.service_code, new.category, new.payer_id, new.encounter_class, new.amount, new.currency, new.valid_from)
       is distinct from (old.id, old.service_code, old.category, old.payer_id, old.encounter_class, old.amount, old.currency, old.valid_from) then
        raise exception 'a tariff is ended, not changed' using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end
$$;
create trigger tariff_stays before update or delete on tariff for each row execute function tariff_stays();

create table plan (
    -- As coverages name it.
    id text collate "C" primary key check (id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'),
    payer_id uuid not null references payer,
    name text not null check (length(name) between 1 and 200),
    registered_at timestamptz not null
);

-- A version is in force from its first day on, until the first day of the next one: so
-- there is at most one on any day.
create table plan_version (
    plan_id text collate "C" not null references plan,
    version integer not null check (version > 0),
    valid_from date not null,
    document jsonb not null check (document ->> 'id' = plan_id and (document -> 'version')::integer = version),
    -- The examples that it was checked with.
    vectors jsonb not null check (jsonb_array_length(vectors) > 0),
    published_at timestamptz not null,
    -- The account that published it.
    published_by uuid not null,
    primary key (plan_id, version),
    constraint plan_version_begins_once unique (plan_id, valid_from)
);

create function plan_version_stays() returns trigger language plpgsql as $$
begin
    raise exception 'a version of a plan never changes' using errcode = 'integrity_constraint_violation';
end
$$;
create trigger plan_version_stays before update or delete on plan_version for each row execute function plan_version_stays();
