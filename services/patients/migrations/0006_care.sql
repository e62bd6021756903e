-- Care: who treats whom, and on what ground. A read model of what other services say;
-- its rules are in `care/model.rs`.

create table care_ground (
    -- What the ground is; grows with the services that give grounds.
    source text not null check (source in ('APPOINTMENT')),
    source_id uuid not null,
    -- The record it was arranged for. It stays when records are merged: whoever cares for
    -- a record cares for the person, and reading follows the link.
    patient_id uuid not null constraint care_ground_patient references patient,
    practitioner_id uuid not null,
    since timestamptz not null,
    -- When it was called off; null while it holds, which is for good once it took place.
    until timestamptz,
    took_place boolean not null,
    -- The source's version that was taken in last.
    version bigint not null check (version > 0),
    primary key (source, source_id),
    constraint care_ground_ends_after_start check (until >= since),
    constraint care_ground_took_place_holds check (not took_place or until is null)
);
create index care_ground_by_practitioner on care_ground (practitioner_id, patient_id) include (until);
create index care_ground_by_patient on care_ground (patient_id, practitioner_id) include (until);
