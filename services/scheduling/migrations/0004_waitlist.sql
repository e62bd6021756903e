-- People who wait for a time to become free.

create table waitlist_entry (
    id uuid primary key,
    patient_id uuid not null,
    -- With this practitioner, or with anybody of this specialty.
    practitioner_id uuid,
    specialty text check (length(specialty) between 1 and 100),
    specialty_key text,
    service_type text not null check (service_type in ('CONSULTATION', 'SURGERY', 'VACCINATION', 'FOLLOW_UP', 'PROCEDURE')),
    payment_mode text not null check (payment_mode in ('SELF_PAY', 'INSURANCE')),
    -- The appointment must lie in [earliest, latest) and last this long.
    earliest timestamptz not null,
    latest timestamptz not null,
    minutes smallint not null check (minutes between 5 and 720),
    status text not null check (status in ('WAITING', 'OFFERED', 'BOOKED', 'EXPIRED', 'WITHDRAWN')),
    -- What is offered; the claim has the offer's id.
    offer_id uuid,
    offer_practitioner_id uuid,
    offer_start timestamptz,
    offer_end timestamptz,
    offer_expires_at timestamptz,
    appointment_id uuid references appointment (id),
    created_at timestamptz not null,
    version bigint not null default 1 check (version > 0),
    constraint waitlist_for_somebody check ((practitioner_id is null) <> (specialty is null) and (specialty is null) = (specialty_key is null)),
    constraint waitlist_window check (latest > earliest),
    constraint waitlist_offered check (
        num_nonnulls(offer_id, offer_practitioner_id, offer_start, offer_end, offer_expires_at) = case when status = 'OFFERED' then 5 else 0 end
    ),
    constraint waitlist_booked check ((status = 'BOOKED') = (appointment_id is not null))
);

-- First come, first served.
create index waitlist_of_practitioner on waitlist_entry (practitioner_id, created_at, id) where status = 'WAITING' and practitioner_id is not null;
create index waitlist_of_specialty on waitlist_entry (specialty_key, created_at, id) where status = 'WAITING' and specialty_key is not null;
create index waitlist_by_age on waitlist_entry (created_at, id);
create index waitlist_by_patient on waitlist_entry (patient_id, created_at, id);
create index waitlist_by_latest on waitlist_entry (latest) where status = 'WAITING';
