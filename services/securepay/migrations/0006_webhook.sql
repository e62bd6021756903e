-- What other systems are told: who listens, what there is to tell, and what became of
-- telling it.

create table webhook_endpoint (
    id uuid primary key,
    url text not null check (length(url) between 1 and 2000),
    -- The types of events that it wants.
    events text[] not null check (cardinality(events) between 1 and 50),
    -- Sealed: what somebody typed.
    description bytea,
    enabled boolean not null default true,
    -- Why it is disabled: BY_HAND, or GONE when it said so itself (410).
    disabled_because text check (disabled_because in ('BY_HAND', 'GONE')),
    created_at timestamptz not null,
    version bigint not null default 1 check (version > 0),
    constraint webhook_endpoint_enabled check (enabled = (disabled_because is null))
);

-- What deliveries are signed with. Several while one takes the place of another.
create table webhook_secret (
    id uuid primary key,
    endpoint_id uuid not null references webhook_endpoint on delete cascade,
    -- Sealed.
    secret bytea not null,
    created_at timestamptz not null,
    -- Until when it signs; null for the one that does not end.
    expires_at timestamptz
);
create unique index webhook_secret_current on webhook_secret (endpoint_id) where expires_at is null;
create index webhook_secret_of on webhook_secret (endpoint_id);

-- What there is to tell. Its id is that of the event, and what receivers tell
-- repetitions by. Ids, codes and amounts only.
create table webhook_message (
    id uuid primary key,
    type text not null,
    at timestamptz not null,
    -- As it is sent and signed, byte for byte.
    body text not null
);

create table webhook_delivery (
    id uuid primary key,
    endpoint_id uuid not null references webhook_endpoint on delete cascade,
    message_id uuid not null references webhook_message,
    status text not null check (status in ('PENDING', 'DELIVERED', 'FAILED')),
    -- All attempts, and those since it was last asked for: its place in the schedule.
    attempts integer not null default 0 check (attempts >= 0),
    tries integer not null default 0 check (tries >= 0),
    due_at timestamptz,
    -- Who has it now: the number of the claim, and until when.
    claim bigint not null default 0,
    claimed_until timestamptz,
    created_at timestamptz not null,
    ended_at timestamptz,
    constraint webhook_delivery_once unique (endpoint_id, message_id),
    constraint webhook_delivery_is_due check ((status = 'PENDING') = (due_at is not null)),
    constraint webhook_delivery_ended check ((status = 'PENDING') = (ended_at is null)),
    constraint webhook_delivery_claimed check (status = 'PENDING' or claimed_until is null)
);
create index webhook_delivery_due on webhook_delivery (endpoint_id, due_at) where status = 'PENDING';
create index webhook_delivery_under_way on webhook_delivery (endpoint_id) where claimed_until is not null;
create index webhook_delivery_ended_at on webhook_delivery (ended_at) where ended_at is not null;
create index webhook_delivery_of_message on webhook_delivery (message_id);

create table webhook_attempt (
    delivery_id uuid not null references webhook_delivery on delete cascade,
    number integer not null check (number > 0),
    at timestamptz not null,
    latency_ms integer not null check (latency_ms >= 0),
    -- What was answered, or why nothing was.
    status_code smallint check (status_code between 100 and 999),
    error text check (error ~ '^[A-Z_]+$'),
    response text check (length(response) <= 1024),
    primary key (delivery_id, number),
    constraint webhook_attempt_has_an_outcome check ((status_code is null) = (error is not null))
);
