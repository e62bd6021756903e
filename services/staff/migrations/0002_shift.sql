-- When practitioners work: weekly patterns, and the shifts made from them or by hand.

create table shift_pattern (
    id uuid primary key,
    practitioner_id uuid not null references practitioner (id),
    -- ISO 8601: Monday is 1.
    weekdays smallint[] not null check (cardinality(weekdays) between 1 and 7 and weekdays <@ '{1,2,3,4,5,6,7}'),
    -- Wall-clock times of the hospital; an end that is not after the start is on the next day.
    start_time time not null,
    end_time time not null,
    kind text not null check (kind in ('CLINIC', 'NIGHT', 'SURGERY', 'ON_CALL')),
    valid_from date not null,
    -- The last day, itself included.
    valid_to date check (valid_to >= valid_from),
    weeks_interval smallint not null check (weeks_interval between 1 and 52),
    -- Every day before this one has been planned or skipped.
    planned_until date not null,
    ended_at timestamptz,
    version bigint not null default 1 check (version > 0),
    created_at timestamptz not null,
    -- Lets a shift prove that it belongs to its pattern's practitioner.
    unique (id, practitioner_id)
);

create index shift_pattern_by_practitioner on shift_pattern (practitioner_id, id);
create index shift_pattern_to_extend on shift_pattern (planned_until) where ended_at is null;

create table shift (
    id uuid primary key,
    practitioner_id uuid not null references practitioner (id),
    kind text not null check (kind in ('CLINIC', 'NIGHT', 'SURGERY', 'ON_CALL')),
    start_at timestamptz not null,
    end_at timestamptz not null,
    status text not null default 'ACTIVE' check (status in ('ACTIVE', 'CANCELLED')),
    pattern_id uuid,
    -- The hospital's date that the pattern made this shift for.
    pattern_date date,
    version bigint not null default 1 check (version > 0),
    planned_at timestamptz not null,
    cancelled_at timestamptz,
    -- Queries rely on the upper bound: a shift that reaches into an interval began
    -- at most 36 hours before it.
    constraint shift_length check (end_at > start_at and end_at - start_at <= interval '36 hours'),
    constraint shift_cancelled check ((status = 'CANCELLED') = (cancelled_at is not null)),
    constraint shift_pattern_and_date check ((pattern_id is null) = (pattern_date is null)),
    constraint shift_of_pattern foreign key (pattern_id, practitioner_id) references shift_pattern (id, practitioner_id),
    -- A pattern makes one shift a day, also after that one was cancelled.
    constraint shift_once_a_day unique (pattern_id, pattern_date),
    -- Nobody works in two places at a time. Being on call may go beside working,
    -- but not beside being on call.
    constraint shift_overlap exclude using gist (practitioner_id with =, tstzrange(start_at, end_at) with &&)
        where (status = 'ACTIVE' and kind <> 'ON_CALL'),
    constraint on_call_overlap exclude using gist (practitioner_id with =, tstzrange(start_at, end_at) with &&)
        where (status = 'ACTIVE' and kind = 'ON_CALL')
);

create index shift_by_practitioner on shift (practitioner_id, start_at, id) where status = 'ACTIVE';
