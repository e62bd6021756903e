-- Appointments, and the claims on people's time that keep them apart.

create table appointment (
    id uuid primary key,
    -- As booked. Whose record that is after a merge, patient_alias says.
    patient_id uuid not null,
    practitioner_id uuid not null,
    start_at timestamptz not null,
    end_at timestamptz not null,
    service_type text not null check (service_type in ('CONSULTATION', 'SURGERY', 'VACCINATION', 'FOLLOW_UP', 'PROCEDURE')),
    payment_mode text not null check (payment_mode in ('SELF_PAY', 'INSURANCE')),
    reason text check (length(reason) between 1 and 500),
    status text not null check (status in ('BOOKED', 'CONFIRMED', 'CHECKED_IN', 'IN_CONSULTATION', 'FULFILLED', 'CANCELLED', 'RESCHEDULED', 'NO_SHOW')),
    -- Why the booking lost its ground; null while it has it.
    ground_lost text check (length(ground_lost) between 1 and 64),
    cancelled_for text check (length(cancelled_for) between 1 and 64),
    cancelled_by text check (cancelled_by in ('PATIENT', 'STAFF', 'SYSTEM')),
    cancellation_note text check (length(cancellation_note) between 1 and 500),
    replaces_id uuid,
    replaced_by_id uuid,
    series_id uuid references series (id),
    -- The account that booked; null when the system did.
    booked_by uuid,
    booked_at timestamptz not null,
    version bigint not null default 1 check (version > 0),
    -- Queries rely on the upper bound: what reaches into an interval began at most
    -- twelve hours before it.
    constraint appointment_length check (end_at > start_at and end_at - start_at <= interval '12 hours'),
    constraint appointment_cancelled check (
        (status = 'CANCELLED') = (cancelled_for is not null)
        and (cancelled_for is null) = (cancelled_by is null)
        and (cancellation_note is null or cancelled_for is not null)
    ),
    constraint appointment_rescheduled check ((status = 'RESCHEDULED') = (replaced_by_id is not null)),
    -- One chain: an appointment replaces one and is replaced by one. Checked at
    -- commit, because the old and the new one are written together.
    constraint appointment_replaces_once unique (replaces_id),
    constraint appointment_replaced_once unique (replaced_by_id),
    constraint appointment_replaces foreign key (replaces_id) references appointment (id) deferrable initially deferred,
    constraint appointment_replaced_by foreign key (replaced_by_id) references appointment (id) deferrable initially deferred
);

-- The three orders that lists have; the status is not in an index, so that a change
-- of it stays on its heap page.
create index appointment_by_start on appointment (start_at, id);
create index appointment_by_practitioner on appointment (practitioner_id, start_at, id);
create index appointment_by_patient on appointment (patient_id, start_at, id);
create index appointment_by_series on appointment (series_id, start_at) where series_id is not null;

alter table appointment set (fillfactor = 90);

-- Time that is taken: by an open appointment, by a hold until it expires, by an offer
-- to somebody on the waitlist. A row is there exactly as long as the time is taken,
-- so the constraints need no condition and the indexes stay as small as the agenda.
create table claim (
    -- The appointment's id, or the hold's own.
    id uuid primary key,
    kind text not null check (kind in ('APPOINTMENT', 'HOLD', 'OFFER')),
    practitioner_id uuid not null,
    patient_id uuid,
    start_at timestamptz not null,
    end_at timestamptz not null,
    -- Holds and offers: when the time is free again, and what it is kept for.
    expires_at timestamptz,
    service_type text check (service_type in ('CONSULTATION', 'SURGERY', 'VACCINATION', 'FOLLOW_UP', 'PROCEDURE')),
    -- Holds: the account that may use it.
    held_by uuid,
    appointment_id uuid generated always as (case when kind = 'APPOINTMENT' then id end) stored,
    -- Half-days since 1970 (UTC) of the start: as no claim is longer than half a day,
    -- what reaches into an interval began in its half-days or in the one before.
    half_day integer generated always as (floor(extract(epoch from (start_at - timestamptz '1970-01-01 00:00:00+00')) / 43200)::integer) stored,
    constraint claim_length check (end_at > start_at and end_at - start_at <= interval '12 hours'),
    constraint claim_of_patient check (kind = 'HOLD' or patient_id is not null),
    constraint claim_passing check ((kind = 'APPOINTMENT') = (expires_at is null) and (kind = 'APPOINTMENT') = (service_type is null)),
    constraint claim_held check ((kind = 'HOLD') = (held_by is not null)),
    constraint claim_of_appointment foreign key (appointment_id) references appointment (id),
    -- The two rules that hold whatever happens: nobody sees two patients at a time,
    -- and nobody is seen by two. Intervals are half-open, so adjacent ones do not
    -- touch. A hold keeps the practitioner's time, not the patient's: a patient may
    -- compare two.
    constraint claim_practitioner exclude using gist (practitioner_id with =, tstzrange(start_at, end_at) with &&),
    constraint claim_patient exclude using gist (patient_id with =, tstzrange(start_at, end_at) with &&) where (kind = 'APPOINTMENT')
);

-- Who is busy at a time: one contiguous run per half-day, whoever is asked about.
create index claim_by_half_day on claim (half_day, practitioner_id) include (start_at, end_at, expires_at);
-- What is over: no-shows.
create index claim_by_end on claim (end_at) where kind = 'APPOINTMENT';
-- How much somebody holds.
create index claim_by_holder on claim (held_by) where kind = 'HOLD';

alter table claim set (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- Records that were merged into another one. Edges as they were reported, so that a
-- merge can be undone; who somebody is today is found by following them.
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
