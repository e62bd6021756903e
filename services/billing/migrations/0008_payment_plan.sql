-- Debts that are paid in instalments, as somebody agreed with the patient.
create table payment_plan (
    id uuid primary key,
    patient_id uuid not null,
    currency text not null check (length(currency) = 3),
    -- What is paid in all; minor units.
    total bigint not null check (total > 0),
    status text not null check (status in ('PROPOSED', 'ACTIVE', 'COMPLETED', 'DEFAULTED', 'CANCELLED')),
    proposed_by uuid not null,
    proposed_at timestamptz not null,
    agreed_by uuid,
    agreed_at timestamptz,
    ended_at timestamptz,
    version bigint not null,
    check ((agreed_by is null) = (agreed_at is null)),
    check (status <> 'PROPOSED' or agreed_at is null),
    check (status not in ('ACTIVE', 'COMPLETED', 'DEFAULTED') or agreed_at is not null),
    check ((status in ('PROPOSED', 'ACTIVE')) = (ended_at is null))
);
create index on payment_plan (proposed_at, id);
create index on payment_plan (patient_id, proposed_at, id);

create table payment_plan_instalment (
    plan_id uuid not null references payment_plan,
    place smallint not null check (place >= 0),
    due_on date not null,
    minor bigint not null check (minor > 0),
    primary key (plan_id, place),
    unique (plan_id, due_on)
);
create index on payment_plan_instalment (due_on);

-- What is paid by a plan.
create table payment_plan_invoice (
    plan_id uuid not null references payment_plan,
    invoice_id uuid not null references invoice,
    place smallint not null check (place >= 0),
    -- What was owed of it, and what the patient was asked for in all, when the plan was made.
    planned bigint not null check (planned > 0),
    billed bigint not null check (billed >= planned),
    -- The plan is not over.
    live boolean not null,
    primary key (plan_id, invoice_id)
);
create unique index payment_plan_invoice_once on payment_plan_invoice (invoice_id) where live;
