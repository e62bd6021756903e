-- The data keys of sealed columns, wrapped by a master key that is not in the database.
create table data_key (
    id uuid primary key,
    -- Whom the data are about.
    subject uuid not null,
    -- The highest seals; all open.
    version integer not null check (version > 0),
    -- Null once the subject was erased. The row stays, so that what was sealed is known
    -- to be erased and not lost, and that no new key is made.
    master text check (length(master) between 1 and 200),
    wrapped bytea check (octet_length(wrapped) between 32 and 4096),
    created_at timestamptz not null,
    erased_at timestamptz,
    constraint data_key_version unique (subject, version),
    check ((master is null) = (wrapped is null)),
    check ((wrapped is null) = (erased_at is not null))
);
create index data_key_by_master on data_key (master);

-- What is locked while a subject gets a key or is erased.
create function data_key_subject(subject uuid) returns bigint
    language sql stable
    as $$ select hashtextextended('galen.vault.subject.' || current_schema() || '.' || subject, 0) $$;

-- What is locked, shared, while keys are wrapped; alone, while a master is forgotten.
create function data_key_masters() returns bigint
    language sql stable
    as $$ select hashtextextended('galen.vault.masters.' || current_schema(), 0) $$;

-- Volatile, so that it sees what was committed while it waited.
create function data_key_refuse_erased() returns trigger
    language plpgsql volatile
    as $$
    begin
        perform pg_advisory_xact_lock(data_key_subject(new.subject));
        if exists (select from data_key where subject = new.subject and wrapped is null) then
            raise exception 'the subject was erased'
                using errcode = 'restrict_violation', constraint = 'data_key_subject_erased';
        end if;
        return new;
    end
    $$;

create trigger data_key_subject_erased
    before insert on data_key
    for each row execute function data_key_refuse_erased();
