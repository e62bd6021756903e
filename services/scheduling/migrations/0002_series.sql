-- Recurring appointments as they were ordered; the appointments name their series.

create table series (
    id uuid primary key,
    patient_id uuid not null,
    practitioner_id uuid not null,
    first_start timestamptz not null,
    duration_minutes smallint not null check (duration_minutes between 5 and 720),
    service_type text not null check (service_type in ('CONSULTATION', 'SURGERY', 'VACCINATION', 'FOLLOW_UP', 'PROCEDURE')),
    frequency text not null check (frequency in ('DAILY', 'WEEKLY', 'MONTHLY')),
    every smallint not null check (every between 1 and 12),
    occurrences smallint not null check (occurrences between 1 and 52),
    created_by uuid not null,
    created_at timestamptz not null,
    cancelled_at timestamptz,
    version bigint not null default 1 check (version > 0)
);

-- Occurrences that could not be booked.
create table series_conflict (
    series_id uuid not null references series (id),
    start_at timestamptz not null,
    reason text not null check (reason in ('SLOT_TAKEN', 'PATIENT_BUSY', 'PRACTITIONER_UNAVAILABLE')),
    primary key (series_id, start_at)
);
