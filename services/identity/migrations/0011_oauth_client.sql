-- Applications that let people log in with Galen; an administrator registers them.
create table oauth_client (
    id uuid primary key,
    name text not null constraint oauth_client_name_length check (char_length(name) between 1 and 100),
    -- SHA-256 of the secret. Null: a public client, which could keep none.
    secret_hash bytea constraint oauth_client_secret_sha256 check (octet_length(secret_hash) = 32),
    redirect_uris text[] not null
        constraint oauth_client_redirect_uris_count check (cardinality(redirect_uris) between 1 and 20)
        constraint oauth_client_redirect_uris_form check (array_to_string(redirect_uris, ' ', '#') ~ '^[!"$-~]+( [!"$-~]+)*$'),
    -- Whether it may act for its users through the API, or only know who they are.
    api_access boolean not null,
    enabled boolean not null default true,
    created_at timestamptz not null,
    version bigint not null default 1 constraint oauth_client_version_positive check (version > 0)
);

-- Which client a session belongs to, and what its tokens are good for. Null and empty:
-- Galen's own, or one of a client that was deleted, which has ended.
alter table session add column client_id uuid references oauth_client on delete set null;
alter table session add column scopes text[] not null default '{}';
create index session_of_client on session (client_id) where client_id is not null;

-- Codes that a client exchanges for tokens, once (RFC 6749, 4.1). Used ones stay with the
-- session that they gave, to recognise a second use.
create table authorization_code (
    -- SHA-256 of the code; the code itself is nowhere.
    hash bytea primary key constraint authorization_code_sha256 check (octet_length(hash) = 32),
    client_id uuid not null references oauth_client on delete cascade,
    account_id uuid not null references account,
    -- The account as it was when its owner logged in.
    account_version bigint not null,
    redirect_uri text not null,
    scopes text[] not null,
    nonce text constraint authorization_code_nonce_length check (char_length(nonce) between 1 and 512),
    -- SHA-256 of the verifier that the exchange must show (RFC 7636).
    challenge bytea not null constraint authorization_code_challenge_sha256 check (octet_length(challenge) = 32),
    methods text[] not null,
    authenticated_at timestamptz not null,
    expires_at timestamptz not null,
    -- The device that logged in, for the session.
    user_agent text constraint authorization_code_user_agent_length check (char_length(user_agent) <= 256),
    address inet,
    used_at timestamptz,
    session_id uuid references session on delete cascade,
    constraint authorization_code_is_short check (
        expires_at > authenticated_at and expires_at <= authenticated_at + interval '60 seconds'),
    constraint authorization_code_use_gives_session check ((used_at is null) = (session_id is null))
);
create unique index authorization_code_of_session on authorization_code (session_id) where session_id is not null;
create index authorization_code_of_client on authorization_code (client_id);
create index authorization_code_age on authorization_code (expires_at) where used_at is null;
