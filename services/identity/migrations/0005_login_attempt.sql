-- Failed logins in a row, of names that exist and of names that do not.
create table login_attempt (
    -- SHA-256 of the normalised name: a list of mistyped names is of use to nobody.
    subject bytea primary key constraint login_attempt_sha256 check (octet_length(subject) = 32),
    failures integer not null constraint login_attempt_counts check (failures > 0),
    last_failed_at timestamptz not null
);
create index login_attempt_age on login_attempt (last_failed_at);
