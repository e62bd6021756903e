-- Breaking the glass: reaching a record without caring for the person, for some minutes,
-- with a reason, and with somebody else who judges it afterwards. Nothing of it is ever
-- changed or removed.

create table break_glass (
    id uuid primary key,
    patient_id uuid not null references patient,
    -- The account that reaches the record, and the practitioner it belonged to then.
    user_id uuid not null,
    practitioner_id uuid not null,
    reason text not null check (length(reason) between 1 and 500),
    opened_at timestamptz not null,
    until timestamptz not null,
    constraint break_glass_ends check (until > opened_at and until <= opened_at + interval '8 hours'),
    -- What a review refers to.
    constraint break_glass_opener unique (id, user_id)
);
create index break_glass_by_patient on break_glass (patient_id, opened_at desc, id desc);
create index break_glass_by_user on break_glass (user_id, until);
create index break_glass_by_time on break_glass (opened_at, id);

create table break_glass_review (
    break_glass_id uuid constraint break_glass_reviewed_once primary key,
    opened_by uuid not null,
    outcome text not null check (outcome in ('JUSTIFIED', 'UNJUSTIFIED')),
    comment text not null check (length(comment) between 1 and 500),
    reviewed_by uuid not null,
    reviewed_at timestamptz not null,
    foreign key (break_glass_id, opened_by) references break_glass (id, user_id),
    constraint break_glass_reviewed_by_another check (reviewed_by <> opened_by)
);

create function break_glass_is_append_only() returns trigger
    language plpgsql
    as $$
    begin
        raise exception 'who reached which record, and what was thought of it, is append-only' using errcode = 'restrict_violation';
    end
    $$;

create trigger break_glass_append_only
    before update or delete or truncate on break_glass
    for each statement execute function break_glass_is_append_only();

create trigger break_glass_review_append_only
    before update or delete or truncate on break_glass_review
    for each statement execute function break_glass_is_append_only();
