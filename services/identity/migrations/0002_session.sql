-- Sessions and the chain of refresh tokens of each.
create table session (
    id uuid primary key,
    account_id uuid not null references account,
    created_at timestamptz not null,
    last_used_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz,
    user_agent text constraint session_user_agent_length check (char_length(user_agent) <= 256),
    address inet,
    constraint session_use_in_order check (created_at <= last_used_at),
    constraint session_is_bounded check (expires_at > created_at and expires_at <= created_at + interval '720 hours')
);
create index session_of_account on session (account_id, id);
create index session_expiry on session (expires_at);
create index session_revocation on session (revoked_at) where revoked_at is not null;

create table refresh_token (
    -- SHA-256 of the token; the token itself is nowhere.
    hash bytea primary key constraint refresh_token_sha256 check (octet_length(hash) = 32),
    session_id uuid not null references session on delete cascade,
    issued_at timestamptz not null,
    -- Set when it was exchanged; used tokens stay, to recognise a second use.
    used_at timestamptz
);
create index refresh_token_of_session on refresh_token (session_id);
-- A session has one token that still works, never two.
create unique index refresh_token_usable on refresh_token (session_id) where used_at is null;
