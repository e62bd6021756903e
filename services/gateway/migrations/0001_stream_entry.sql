-- What the live stream tells, in the order of its ids.
--
-- Ids are given under one advisory lock that is held to the end of the writing
-- transaction, so a smaller id is never committed after a greater one: whoever
-- has read up to an id has missed nothing before it.
create table stream_entry (
    id bigint generated always as identity primary key,
    -- When it happened.
    at timestamptz not null,
    -- When it was told: rises with the id, up to the skew of clocks.
    recorded_at timestamptz not null,
    type text not null check (length(type) between 1 and 200),
    subject text not null,
    -- What a reader must be permitted; by its name on the wire.
    permission text not null check (length(permission) between 1 and 100),
    -- Whose own it is.
    patient_id uuid,
    practitioner_id uuid,
    user_id uuid,
    -- Ids and codes only.
    data jsonb not null check (jsonb_typeof(data) = 'object')
);
create index on stream_entry (recorded_at);

-- Up to which id entries were forgotten: who has seen less cannot resume.
create table stream_horizon (
    one boolean primary key default true check (one),
    forgotten_to bigint not null check (forgotten_to >= 0)
);
insert into stream_horizon (forgotten_to) values (0);
