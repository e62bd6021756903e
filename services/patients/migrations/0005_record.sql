-- The clinical record: entries are added, amended by further entries and marked as
-- entered in error; none is changed or removed.

create table entry (
    id uuid primary key,
    patient_id uuid not null references patient,
    kind text not null check (kind in ('ALLERGY', 'CONDITION', 'NOTE', 'VITAL')),
    -- When it was true of the patient; `recorded_at` is when it was written down.
    happened_at timestamptz not null,
    recorded_by uuid not null,
    recorded_at timestamptz not null,
    -- The earlier entry that this one takes the place of.
    amends uuid,
    source_system text check (length(source_system) between 1 and 255),
    source_value text check (length(source_value) between 1 and 255),
    error_marked_at timestamptz,
    error_marked_by uuid,
    error_reason text check (length(error_reason) between 1 and 500),
    version bigint not null default 1 check (version > 0),
    constraint entry_kind unique (id, kind),
    constraint entry_amends foreign key (amends, kind) references entry (id, kind),
    constraint entry_source_unique unique (kind, source_system, source_value),
    constraint entry_amends_another check (amends <> id),
    check ((source_system is null) = (source_value is null)),
    check ((error_marked_at is null) = (error_marked_by is null) and (error_marked_at is null) = (error_reason is null))
);
-- A history is a line, not a tree. Per record, so that undoing a merge leaves each of
-- the two its own history; an amendment made in error does not count.
create unique index entry_amended_once on entry (amends, patient_id) where error_marked_at is null;
create index entry_by_patient on entry (patient_id, kind, happened_at desc, id desc);
create index entry_by_time on entry (patient_id, happened_at desc, id desc);

create table allergy (
    entry_id uuid primary key,
    kind text not null default 'ALLERGY' check (kind = 'ALLERGY'),
    code_system text not null check (length(code_system) between 1 and 255),
    code text not null check (length(code) between 1 and 64),
    code_display text not null check (length(code_display) between 1 and 255),
    clinical_status text not null check (clinical_status in ('ACTIVE', 'INACTIVE', 'RESOLVED')),
    category text check (category in ('FOOD', 'MEDICATION', 'ENVIRONMENT', 'BIOLOGIC')),
    criticality text check (criticality in ('LOW', 'HIGH', 'UNABLE_TO_ASSESS')),
    reaction text check (length(reaction) between 1 and 500),
    onset date,
    foreign key (entry_id, kind) references entry (id, kind)
);

create table condition (
    entry_id uuid primary key,
    kind text not null default 'CONDITION' check (kind = 'CONDITION'),
    code_system text not null check (length(code_system) between 1 and 255),
    code text not null check (length(code) between 1 and 64),
    code_display text not null check (length(code_display) between 1 and 255),
    clinical_status text not null check (clinical_status in ('ACTIVE', 'RECURRENCE', 'RELAPSE', 'INACTIVE', 'REMISSION', 'RESOLVED')),
    onset date,
    abatement date check (onset is null or abatement >= onset),
    foreign key (entry_id, kind) references entry (id, kind)
);

create table note (
    entry_id uuid primary key,
    kind text not null default 'NOTE' check (kind = 'NOTE'),
    title text check (length(title) between 1 and 200),
    body text not null check (length(body) between 1 and 20000),
    foreign key (entry_id, kind) references entry (id, kind)
);

create table vital (
    entry_id uuid primary key,
    kind text not null default 'VITAL' check (kind = 'VITAL'),
    -- LOINC code of what was measured and UCUM unit it was measured in.
    loinc text not null check (length(loinc) between 1 and 16),
    value numeric(9, 3) not null,
    unit text not null check (length(unit) between 1 and 16),
    foreign key (entry_id, kind) references entry (id, kind)
);
