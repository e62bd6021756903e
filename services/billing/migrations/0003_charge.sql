-- What was done that somebody pays for.
--
-- `source_id` is what a charge follows from, an appointment: there is one charge for
-- each, however often one hears of it. What was charged by hand has none, and says why.
create table charge (
    id uuid primary key,
    patient_id uuid not null,
    source_id uuid unique,
    admission_id uuid,
    service_code text not null check (length(service_code) between 1 and 64),
    encounter_class text not null check (encounter_class in ('AMB', 'IMP', 'EMER')),
    payment_mode text not null check (payment_mode in ('SELF_PAY', 'INSURANCE')),
    quantity integer not null check (quantity between 1 and 1000),
    served_at timestamptz not null,
    -- The hospital's day: what prices and policies are looked up by.
    served_on date not null,
    status text not null check (status in ('HELD', 'PRICED', 'INVOICED', 'VOIDED')),
    -- For one unit. A charge without a price waits for one; it never costs nothing.
    unit_minor bigint check (unit_minor >= 0),
    minor bigint check (minor >= 0),
    currency text check (length(currency) = 3),
    tariff_id uuid,
    -- Which kind of service it is, by the tariff.
    category text,
    invoice_id uuid,
    replaces_id uuid unique references charge,
    -- Why it was charged by hand, for its patient's eyes and the desk's.
    sealed_reason bytea,
    version bigint not null check (version > 0),
    captured_at timestamptz not null,
    check ((unit_minor is null) = (minor is null) and (minor is null) = (currency is null) and (minor is null) = (tariff_id is null)),
    check (minor = unit_minor * quantity),
    check (status <> 'HELD' or minor is null),
    check (status not in ('PRICED', 'INVOICED') or minor is not null),
    check ((status = 'INVOICED') = (invoice_id is not null))
);
create index on charge (patient_id, captured_at, id);
create index on charge (captured_at, id);
create index on charge (admission_id, captured_at, id) where admission_id is not null;
create index on charge (captured_at, id) where status = 'HELD';
create index on charge (invoice_id) where invoice_id is not null;
