-- What the live stream tells, in the order of its ids.
--
-- Ids are given under one advisory lock that is held to the end of the writing
-- transaction, so a smaller id is never committed after a greater one: whoever
-- has read up to an id has missed nothing before it.
create table stream_entry (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    type text not null check (length(type) between 1 and 200),
    subject text not null check (length(subject) <= 200),
    permission text not null check (length(permission) between 1 and 100),
    patient_id uuid,
    practitioner_id uuid,
    user_id uuid,
    data jsonb not null check (jsonb_typeof(data) = 'object')
);
create index on stream_entry (at);

-- Up to where entries were forgotten: a client that has seen less cannot resume.
create table stream_horizon (
    one boolean primary key default true check (one),
    forgotten_to bigint not null check (forgotten_to >= 0)
);
insert into stream_horizon (forgotten_to) values (0);
