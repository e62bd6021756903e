-- What somebody is to be told. Holds ids and instants only: names, addresses and
-- links are asked for at the moment of sending and never stored.
create table message (
    id uuid primary key,
    recipient_kind text not null check (recipient_kind in ('PATIENT', 'USER')),
    recipient_id uuid not null,
    category text not null check (category in ('ACCOUNT', 'APPOINTMENT', 'REMINDER', 'WAITLIST')),
    template text not null check (template ~ '^[A-Z][A-Z_]{2,62}$'),
    -- The appointment, waitlist entry or link it is about.
    about_id uuid not null,
    params jsonb not null check (jsonb_typeof(params) = 'object'),
    -- One cause, one message, however often the cause is delivered.
    dedupe_key text not null unique check (length(dedupe_key) between 1 and 200),
    status text not null check (status in ('QUEUED', 'SENDING', 'SENT', 'DEAD', 'SUPPRESSED')),
    reason_code text check (reason_code ~ '^[A-Z][A-Z0-9_]{1,62}$'),
    -- What was used; chosen at the moment of sending.
    channel text check (channel in ('EMAIL', 'SMS', 'IN_APP')),
    locale text,
    template_id uuid references template (id),
    -- Channels that were passed over, with the reason.
    skipped jsonb not null default '[]' check (jsonb_typeof(skipped) = 'array'),
    -- Rises with every resend by a person; attempts count within a round.
    round integer not null default 1 check (round >= 1),
    attempts integer not null default 0 check (attempts >= 0),
    not_before timestamptz not null,
    next_attempt_at timestamptz not null,
    -- After this it is better not sent at all.
    expires_at timestamptz,
    claim uuid,
    locked_until timestamptz,
    correlation_id uuid,
    traceparent text,
    created_at timestamptz not null,
    sent_at timestamptz,
    version bigint not null default 1 check (version >= 1),
    check ((status = 'SENDING') = (claim is not null)),
    check ((status = 'SENDING') = (locked_until is not null)),
    check ((status = 'SENT') = (sent_at is not null)),
    check (status <> 'SENT' or (channel is not null and template_id is not null and locale is not null)),
    check (status not in ('DEAD', 'SUPPRESSED') or reason_code is not null)
);

create index message_due on message (next_attempt_at) where status = 'QUEUED';
create index message_leased on message (locked_until) where status = 'SENDING';
create index message_recipient on message (recipient_id, id);
create index message_status on message (status, id);
create index message_about on message (about_id);

-- What was tried. Codes only: the words of a mail server may repeat the address.
create table attempt (
    message_id uuid not null references message (id),
    n integer not null check (n >= 1),
    round integer not null check (round >= 1),
    channel text not null check (channel in ('EMAIL', 'SMS', 'IN_APP')),
    at timestamptz not null,
    outcome text not null check (outcome in ('DELIVERED', 'REFUSED', 'FAILED')),
    error_code text check (error_code ~ '^[A-Z][A-Z0-9_]{1,62}$'),
    primary key (message_id, n),
    check ((outcome = 'DELIVERED') = (error_code is null))
);
