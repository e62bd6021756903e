-- Keys that sign access tokens. Only this schema's role can read them; sealing
-- them with a master key is a matter of storing other bytes in pkcs8.
create table signing_key (
    kid text primary key,
    pkcs8 bytea not null,
    state text not null constraint signing_key_state_known check (state in ('NEXT', 'CURRENT', 'RETIRED')),
    created_at timestamptz not null,
    activated_at timestamptz,
    retired_at timestamptz,
    constraint signing_key_activation check ((state = 'NEXT') = (activated_at is null)),
    constraint signing_key_retirement check ((state = 'RETIRED') = (retired_at is not null))
);
-- One key signs, one is announced.
create unique index signing_key_in_use on signing_key (state) where state <> 'RETIRED';
