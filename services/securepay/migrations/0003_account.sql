-- What the accounts of the ledger are for. Apart from the ledger's own rows, which the
-- writer changes with every batch: these hardly ever change.

create table account_info (
    id bigint primary key references account,
    -- What everybody else calls it.
    public_id uuid not null unique,
    kind text not null check (kind in (
        'WALLET', 'RECEIVABLE', 'REVENUE', 'WRITE_OFF', 'CASH', 'BANK', 'CLEARING', 'SUSPENSE', 'CASH_VARIANCE')),
    -- Whose wallet it is.
    owner_kind text check (owner_kind in ('PATIENT', 'INSURER', 'HOSPITAL')),
    -- A patient, an organisation, an invoice, a claim, a cash session; null: the hospital.
    owner_id uuid,
    currency text not null references ledger (currency),
    opened_at timestamptz not null,
    -- Of a wallet: rises by one with every change of its standing.
    version bigint not null default 1 check (version >= 1),
    constraint account_once unique nulls not distinct (kind, owner_id, currency),
    constraint account_wallet_has_owner check ((kind = 'WALLET') = (owner_kind is not null)),
    constraint account_hospital_has_no_id check ((owner_kind = 'HOSPITAL') <= (owner_id is null)),
    constraint account_others_have_an_id check (owner_kind is null or owner_kind = 'HOSPITAL' or owner_id is not null)
);

create index account_info_by_owner on account_info (owner_id, opened_at, id) where kind = 'WALLET';

-- Records of patients that were merged into another one. Edges as they were reported, so
-- that a merge can be undone; who somebody is today is found by following them.
create table patient_alias (
    retired_id uuid primary key,
    survivor_id uuid not null,
    merge_id uuid not null,
    check (retired_id <> survivor_id)
);

create index patient_alias_by_survivor on patient_alias (survivor_id);

-- Every id that a person has today, from any one of them. Follows merges upwards to
-- the survivor and from there downwards; UNION ends on a cycle.
create function ids_of_patient(wanted uuid) returns setof uuid
language sql stable as $$
    with recursive up (id) as (
        select wanted
        union
        select a.survivor_id from up join patient_alias a on a.retired_id = up.id
    ), down (id) as (
        select id from up
        union
        select a.retired_id from down join patient_alias a on a.survivor_id = down.id
    )
    select id from down
$$;
