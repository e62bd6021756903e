-- Coverages: who pays for the patient, when, and in which order.

create table coverage (
    id uuid primary key,
    patient_id uuid not null references patient,
    plan_id text not null check (length(plan_id) between 1 and 64),
    policy_number text not null check (length(policy_number) between 1 and 64),
    payer_name text check (length(payer_name) between 1 and 200),
    valid_from date not null,
    -- The first day that is no longer covered; equal to the first day: never valid.
    valid_to date constraint coverage_ends_after_start check (valid_to >= valid_from),
    priority smallint not null check (priority between 1 and 99),
    recorded_at timestamptz not null,
    version bigint not null default 1 check (version > 0),
    -- One first payer at a time, one second, and so on.
    constraint coverage_overlap exclude using gist (
        patient_id with =, priority with =, daterange(valid_from, valid_to) with &&
    )
);
create index coverage_by_patient on coverage (patient_id, priority, valid_from, id);
