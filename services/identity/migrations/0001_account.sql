-- Accounts: who may log in, with which roles, and whose they are.
create table account (
    id uuid primary key,
    -- Normalised before it gets here: visible ASCII without capitals.
    username text not null constraint account_username_key unique
        constraint account_username_normal check (username ~ '^[!-~]{3,64}$' and username !~ '[A-Z]'),
    email text constraint account_email_length check (char_length(email) between 3 and 254),
    -- A PHC string; null until its owner has chosen a password.
    password_hash text constraint account_password_argon2id check (password_hash like '$argon2id$%'),
    roles text[] not null constraint account_roles_known check (
        cardinality(roles) > 0
        and roles <@ array['ADMIN', 'RECEPTIONIST', 'DOCTOR', 'NURSE', 'LAB_TECHNICIAN', 'PHARMACIST',
                           'BILLING', 'OPERATOR', 'AUDITOR', 'PATIENT']),
    -- Null: not locked.
    lock_reason text constraint account_lock_reason_known check (lock_reason in ('ADMINISTRATOR', 'MERGED')),
    patient_id uuid constraint account_patient_key unique,
    practitioner_id uuid constraint account_practitioner_key unique,
    created_at timestamptz not null,
    version bigint not null default 1
);
create index account_email on account (lower(email)) where email is not null;
create index account_administrator on account (id) where 'ADMIN' = any (roles);
