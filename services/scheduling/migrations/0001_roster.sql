-- What scheduling knows of practitioners and their time: a read model of staff's
-- events, which can be dropped and rebuilt. No foreign keys: it follows another
-- service's truth.

create table practitioner (
    id uuid primary key,
    specialty text not null,
    -- The specialty without case: what filters compare.
    specialty_key text not null,
    department text not null,
    active boolean not null
);

-- Pages of doctor options are read from these two alone.
create index practitioner_active on practitioner (id) where active;
create index practitioner_active_by_specialty on practitioner (specialty_key, id) where active;

-- Shifts that are not cancelled.
create table working_time (
    shift_id uuid primary key,
    practitioner_id uuid not null,
    kind text not null check (kind in ('CLINIC', 'NIGHT', 'SURGERY', 'ON_CALL')),
    start_at timestamptz not null,
    end_at timestamptz not null,
    check (end_at > start_at)
);

create index working_time_by_practitioner on working_time (practitioner_id, start_at);

-- Approved leaves that are not withdrawn.
create table absence (
    leave_id uuid primary key,
    practitioner_id uuid not null,
    start_at timestamptz not null,
    end_at timestamptz not null,
    check (end_at > start_at)
);

create index absence_by_practitioner on absence (practitioner_id, start_at);

-- The same, folded for reading: working time that can be booked, adjacent shifts
-- merged, cut into pieces present and pieces on leave. Operating shifts are kept
-- apart: operations are booked in them, and nothing else is. A piece is repeated for
-- every day (UTC) that it touches, so that the question "who is there at that time"
-- reads one contiguous run of this index, whoever is asked about.
create table roster (
    day date not null,
    practitioner_id uuid not null,
    operating boolean not null,
    on_leave boolean not null,
    start_at timestamptz not null,
    end_at timestamptz not null,
    primary key (day, practitioner_id, start_at, end_at, operating, on_leave),
    check (end_at > start_at)
);

create index roster_by_practitioner on roster (practitioner_id, start_at) include (end_at, operating, on_leave);

-- Index-only scans need the visibility map to follow the writes.
alter table roster set (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
alter table practitioner set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
