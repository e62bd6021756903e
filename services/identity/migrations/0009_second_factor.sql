-- Authenticators (RFC 6238): one per account.
create table totp (
    account_id uuid primary key references account,
    -- Sealed with the account's data key.
    secret bytea not null constraint totp_secret_sealed check (octet_length(secret) >= 45),
    enrolled_at timestamptz not null,
    -- Null until a code of it was shown: until then no login asks for one.
    confirmed_at timestamptz,
    -- The time step whose code was accepted last. None up to it is accepted again.
    last_step bigint,
    constraint totp_is_confirmed_by_a_code check ((confirmed_at is null) = (last_step is null)),
    constraint totp_in_order check (confirmed_at >= enrolled_at)
);

-- Codes that replace the authenticator, each once.
create table backup_code (
    account_id uuid not null references totp on delete cascade,
    -- SHA-256 of the code; the code itself is nowhere.
    hash bytea not null constraint backup_code_sha256 check (octet_length(hash) = 32),
    used_at timestamptz,
    primary key (account_id, hash)
);
