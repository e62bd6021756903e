-- Signing keys are sealed. Those that are not yet are sealed at the next start.
alter table signing_key
    add id uuid not null default gen_random_uuid() unique,
    add sealed bytea check (octet_length(sealed) >= 45),
    alter pkcs8 drop not null,
    add constraint signing_key_is_kept_once check (num_nonnulls(pkcs8, sealed) = 1);
