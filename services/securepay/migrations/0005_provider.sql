-- Orders to payment providers: money that comes into a wallet, or leaves it. The money is
-- a hold of the same id, which is made with the order; what became of it is in the books.

create table provider_order (
    -- Also our reference with the provider.
    id uuid primary key references hold,
    -- IN: a top-up; OUT: a payout.
    direction text not null check (direction in ('IN', 'OUT')),
    provider text not null check (provider ~ '^[a-z]{1,40}$'),
    wallet_id uuid not null references account_info (public_id),
    amount bigint not null check (amount > 0),
    currency text not null references ledger (currency),
    -- Where a payout goes to.
    sealed_destination bytea check (length(sealed_destination) >= 45),
    requested_at timestamptz not null,
    deadline timestamptz not null,
    -- SUCCEEDED and DECLINED: as the provider says; CAPTURED and FAILED: as the books say.
    state text not null check (state in ('PENDING', 'UNKNOWN', 'SUCCEEDED', 'DECLINED', 'CAPTURED', 'FAILED')),
    -- Whether the provider may know of it.
    told boolean not null,
    attempts integer not null check (attempts >= 0),
    due_at timestamptz,
    provider_reference text check (provider_reference ~ '^[!-~]{1,100}$'),
    reason text check (reason ~ '^[A-Z0-9_]{1,40}$'),
    decided_at timestamptz,
    -- Rises by one with every change.
    version bigint not null check (version > 0),
    constraint provider_order_has_destination check ((direction = 'OUT') = (sealed_destination is not null)),
    constraint provider_order_ends check ((state in ('CAPTURED', 'FAILED')) = (due_at is null)),
    constraint provider_order_decided check ((state in ('PENDING', 'UNKNOWN')) = (decided_at is null)),
    constraint provider_order_succeeded check ((state in ('SUCCEEDED', 'CAPTURED')) = (provider_reference is not null)),
    constraint provider_order_declined check ((state in ('DECLINED', 'FAILED')) = (reason is not null))
);
create index provider_order_due on provider_order (due_at) where due_at is not null;
create index provider_order_by_wallet on provider_order (direction, wallet_id, requested_at, id);
create index provider_order_by_time on provider_order (direction, requested_at, id);
create index provider_order_unknown on provider_order (direction, requested_at, id) where state = 'UNKNOWN';

-- What the simulated provider knows, as a real one would on its own machines.
create table simulated_charge (
    reference uuid primary key,
    direction text not null check (direction in ('IN', 'OUT')),
    amount bigint not null check (amount > 0),
    currency text not null,
    -- Why it is declined; null: it succeeds.
    declined text,
    is_mute boolean not null,
    is_staged boolean not null,
    decided_at timestamptz not null,
    -- Letters that are still to be sent, when the next one is, and seconds between them.
    webhooks smallint not null check (webhooks >= 0),
    webhook_at timestamptz not null,
    webhook_every bigint not null check (webhook_every > 0)
);
create index simulated_charge_due on simulated_charge (webhook_at) where webhooks > 0;
