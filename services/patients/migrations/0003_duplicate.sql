-- The work queue of records that may be one person.

create table duplicate (
    id uuid primary key,
    -- A pair is one row whichever way it was found.
    low_id uuid not null references patient,
    high_id uuid not null references patient,
    score double precision not null check (score between 0 and 1),
    reasons text[] not null,
    -- OPEN to be looked at; DISMISSED and REVERTED are remembered as "not the same"
    -- and never open again; MERGED while the pair is one record.
    status text not null check (status in ('OPEN', 'DISMISSED', 'MERGED', 'REVERTED')),
    found_at timestamptz not null,
    decided_by uuid,
    decided_at timestamptz,
    decision_reason text check (length(decision_reason) between 1 and 500),
    version bigint not null default 1 check (version > 0),
    constraint duplicate_pair_unique unique (low_id, high_id),
    check (low_id < high_id),
    check ((status = 'OPEN') = (decided_at is null)),
    check ((decided_at is null) = (decided_by is null) and (decided_at is null) = (decision_reason is null))
);
create index duplicate_by_score on duplicate (status, score desc, id);
create index on duplicate (high_id);
