-- What was counted under the contracts of insured people.

-- A number of a plan, by its blind index: the row that those who count under it lock.
create table contract (
    id text collate "C" primary key check (id ~ '^[0-9a-f]{32}$'),
    -- Rises by one whenever something is counted or taken back.
    version bigint not null default 0 check (version >= 0)
);

-- A claim that was counted. Taken back, it stays as history.
create table posting (
    id uuid primary key,
    claim_id uuid not null,
    contract_id text collate "C" not null references contract,
    plan_id text collate "C" not null,
    plan_version integer not null,
    posted_at timestamptz not null,
    reversed_at timestamptz check (reversed_at >= posted_at),
    foreign key (plan_id, plan_version) references plan_version
);

-- A claim counts once.
create unique index posting_of_claim on posting (claim_id) where reversed_at is null;
create index posting_by_contract on posting (contract_id) where reversed_at is null;

-- By how much a claim changed what is counted.
create table accumulator_entry (
    posting_id uuid not null references posting,
    accumulator text not null check (length(accumulator) between 1 and 200),
    -- The record of the insured; null: counted for all under the contract.
    member_id uuid,
    -- The first day of the year, the day, the visit; empty for a lifetime.
    period text not null check (length(period) <= 200),
    -- Minor units, visits or units of a service.
    delta bigint not null check (delta <> 0),
    constraint accumulator_entry_once unique nulls not distinct (posting_id, accumulator, member_id, period)
);
