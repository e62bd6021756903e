-- Where accounts log in from. Failures there are counted apart from everybody else's,
-- so that strangers who guess do not lock out whoever belongs there.
create table familiar_place (
    account_id uuid not null references account on delete cascade,
    -- One IPv4 address, or one IPv6 network of 64 bits.
    household cidr not null constraint familiar_place_household check (masklen(household) in (32, 64)),
    -- The last login from there.
    seen_at timestamptz not null,
    -- In a row, since then.
    failures integer not null default 0 constraint familiar_place_counts check (failures >= 0),
    last_failed_at timestamptz,
    primary key (account_id, household),
    constraint familiar_place_failed check ((failures > 0) = (last_failed_at is not null))
);
create index familiar_place_age on familiar_place (seen_at);

-- Failed logins from an address, whoever they were for: a count that leaks.
create table address_failure (
    household cidr primary key constraint address_failure_household check (masklen(household) in (32, 64)),
    -- When nothing will be left of the count, if nothing is added.
    drained_at timestamptz not null,
    last_failed_at timestamptz not null,
    constraint address_failure_drains check (drained_at > last_failed_at)
);
create index address_failure_age on address_failure (drained_at);
