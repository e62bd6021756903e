-- What somebody found out about an order of which the provider cannot say what became of
-- it. One person asks for it to be ended so, another one agrees.
create table order_resolution (
    id uuid primary key,
    order_id uuid not null references provider_order,
    outcome text not null check (outcome in ('SETTLED', 'FAILED')),
    -- Where that is to be seen: a reference of the provider or of the bank.
    evidence text not null check (evidence ~ '^[!-~]{1,100}$'),
    -- Sealed: how it was found out, in somebody's words.
    reason bytea not null check (octet_length(reason) >= 45),
    status text not null check (status in ('REQUESTED', 'APPROVED', 'REJECTED')),
    requested_by uuid not null,
    requested_at timestamptz not null,
    decided_by uuid,
    decided_at timestamptz,
    -- When the provider is asked next what it says by now.
    ask_at timestamptz,
    -- What it said when it could.
    provider_says text check (provider_says in ('SETTLED', 'FAILED')),
    said_at timestamptz,
    version bigint not null check (version > 0),
    constraint order_resolution_decided check ((status = 'REQUESTED') = (decided_by is null)),
    constraint order_resolution_decided_at check ((decided_by is null) = (decided_at is null)),
    constraint order_resolution_two_people check (status <> 'APPROVED' or decided_by <> requested_by),
    constraint order_resolution_said check ((provider_says is null) = (said_at is null)),
    constraint order_resolution_asks check (ask_at is null or (status = 'APPROVED' and provider_says is null))
);
-- One at a time; and one that was agreed to ends its order for good.
create unique index order_resolution_once on order_resolution (order_id) where status <> 'REJECTED';
create index order_resolution_by_time on order_resolution (requested_at, id);
create index order_resolution_by_order on order_resolution (order_id, requested_at, id);
create index order_resolution_waiting on order_resolution (requested_at, id) where status = 'REQUESTED';
create index order_resolution_due on order_resolution (ask_at) where ask_at is not null;

-- What is written on the lines of somebody who is erased is looked for by their wallets.
create index bank_line_of_wallet on bank_line (wallet_id) where wallet_id is not null;
create index bank_line_move_of_wallet on bank_line_move (wallet_id) where wallet_id is not null;
