-- Links that let their holder choose a password, once.
create table credential_link (
    id uuid primary key,
    account_id uuid not null references account,
    purpose text not null
        constraint credential_link_purpose_known check (purpose in ('SET_PASSWORD', 'RESET_PASSWORD')),
    requested_at timestamptz not null,
    -- A message that could not be sent until then is not worth sending any more.
    mintable_until timestamptz not null,
    -- SHA-256 of the secret; null until a message is about to be sent.
    secret_hash bytea constraint credential_link_secret_key unique
        constraint credential_link_secret_sha256 check (octet_length(secret_hash) = 32),
    -- When the secret stops working.
    expires_at timestamptz,
    -- Used, or made worthless by another way to a new password.
    closed_at timestamptz,
    constraint credential_link_secret_expires check ((secret_hash is null) = (expires_at is null))
);
create index credential_link_open on credential_link (account_id, requested_at) where closed_at is null;
create index credential_link_age on credential_link (requested_at);
