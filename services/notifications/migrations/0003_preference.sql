-- How a patient wants to be told. No row: everything, in the language on record.
create table preference (
    patient_id uuid primary key,
    language text check (language ~ '^[a-z]{2,3}(-[A-Z]{2})?$'),
    -- Minutes after local midnight; from > to spans midnight.
    quiet_from smallint check (quiet_from between 0 and 1439),
    quiet_to smallint check (quiet_to between 0 and 1439),
    updated_at timestamptz not null,
    version bigint not null check (version >= 0),
    check ((quiet_from is null) = (quiet_to is null)),
    check (quiet_from <> quiet_to)
);

-- What is switched off. Messages about the account itself cannot be.
create table preference_muted (
    patient_id uuid not null references preference (patient_id) on delete cascade,
    category text not null check (category in ('APPOINTMENT', 'REMINDER', 'WAITLIST')),
    channel text not null check (channel in ('EMAIL', 'SMS', 'IN_APP')),
    primary key (patient_id, category, channel)
);
