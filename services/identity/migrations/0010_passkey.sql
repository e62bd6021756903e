-- Passkeys (WebAuthn): public keys of authenticators that verify their user, and the
-- ceremonies that make and use them.
create table passkey (
    id uuid primary key,
    account_id uuid not null references account,
    -- As the authenticator chose it; nobody else may have the same.
    credential_id bytea not null constraint passkey_credential_key unique
        constraint passkey_credential_length check (octet_length(credential_id) between 1 and 1023),
    -- The public key, its signature counter and whether it is backed up. No secret.
    credential jsonb not null constraint passkey_credential_object check (jsonb_typeof(credential) = 'object'),
    name text not null constraint passkey_name_length check (char_length(name) between 1 and 64),
    created_at timestamptz not null,
    last_used_at timestamptz,
    constraint passkey_use_in_order check (created_at <= last_used_at)
);
create index passkey_of_account on passkey (account_id, id);

create table passkey_ceremony (
    id uuid primary key,
    purpose text not null
        constraint passkey_ceremony_purpose_known check (purpose in ('REGISTRATION', 'AUTHENTICATION')),
    -- Who registers, and where they are logged in: a session has one registration open.
    account_id uuid references account,
    session_id uuid constraint passkey_ceremony_session_key unique references session on delete cascade,
    -- SHA-256 of the name that somebody wishes to log in with, if they gave one.
    subject bytea constraint passkey_ceremony_sha256 check (octet_length(subject) = 32),
    -- What the answer is compared with; deleted when it is, whatever comes of it.
    state jsonb not null constraint passkey_ceremony_state_object check (jsonb_typeof(state) = 'object'),
    expires_at timestamptz not null,
    constraint passkey_ceremony_of_session check (
        case purpose
            when 'REGISTRATION' then account_id is not null and session_id is not null and subject is null
            else account_id is null and session_id is null
        end)
);
create index passkey_ceremony_expiry on passkey_ceremony (expires_at);
