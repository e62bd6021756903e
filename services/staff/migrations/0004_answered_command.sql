-- Verifications that were answered, so that a repeated command is answered once.

create table answered_command (
    command_id uuid primary key,
    process_id uuid not null,
    practitioner_id uuid not null,
    available boolean not null,
    reason_code text,
    answered_at timestamptz not null,
    constraint answer_has_reason check (available = (reason_code is null))
);

create index answered_command_by_age on answered_command (answered_at);
