-- Cash: tills that somebody opens, takes and gives back money in, and counts.

-- Payments of invoices come from wallets, or are cash.
alter table invoice_payment
    add method text not null default 'WALLET' check (method in ('WALLET', 'CASH')),
    alter wallet_id drop not null,
    add constraint invoice_payment_from check ((method = 'WALLET') = (wallet_id is not null)),
    -- Cash is there at once.
    add constraint invoice_payment_cash check (method = 'WALLET' or (status = 'CAPTURED' and question is null));
alter table invoice_payment alter method drop default;

create table cash_session (
    id uuid primary key,
    -- Whose till it is: the only one who takes money in it.
    cashier_id uuid not null,
    location text check (length(location) between 1 and 40),
    currency text not null check (length(currency) = 3),
    -- What was in it at first, what was taken, and what was given back; minor units.
    opening bigint not null check (opening >= 0),
    taken bigint not null default 0 check (taken >= 0),
    given_back bigint not null default 0 check (given_back >= 0),
    status text not null check (status in ('OPEN', 'COUNTING', 'CLOSED')),
    opened_at timestamptz not null,
    -- The last count.
    counted bigint check (counted >= 0),
    counted_by uuid,
    counted_at timestamptz,
    -- Who agreed to the difference.
    approved_by uuid,
    approved_at timestamptz,
    closed_at timestamptz,
    version bigint not null,
    unique (id, currency),
    constraint cash_session_not_overdrawn check (opening + taken - given_back >= 0),
    check (num_nonnulls(counted, counted_by, counted_at) in (0, 3)),
    check ((status = 'OPEN') = (counted is null)),
    check ((status = 'CLOSED') = (closed_at is not null)),
    check ((approved_by is null) = (approved_at is null)),
    check (approved_by is null or status = 'CLOSED'),
    constraint cash_session_second_person check (approved_by <> cashier_id and approved_by <> counted_by)
);
create unique index cash_session_one_open on cash_session (cashier_id, currency) where status = 'OPEN';
create index on cash_session (opened_at, id);

-- What was counted: every time.
create table cash_count (
    session_id uuid not null references cash_session,
    place smallint not null check (place > 0),
    -- What should have been there.
    expected bigint not null check (expected >= 0),
    counted bigint not null check (counted >= 0),
    -- How many of which coin or note: [{"value": minor units, "count": how many}].
    denominations jsonb,
    counted_by uuid not null,
    counted_at timestamptz not null,
    primary key (session_id, place)
);

-- Cash that patients gave, or got back.
create table cash_movement (
    -- The payment's, or the refund's.
    id uuid primary key,
    session_id uuid not null,
    currency text not null,
    kind text not null check (kind in ('PAYMENT', 'REFUND')),
    invoice_id uuid not null references invoice,
    payment_id uuid not null references invoice_payment,
    minor bigint not null check (minor > 0),
    -- What the patient put on the table.
    tendered bigint check (tendered >= minor),
    at timestamptz not null,
    foreign key (session_id, currency) references cash_session (id, currency),
    check (kind = 'PAYMENT' or tendered is null),
    check (kind = 'REFUND' or payment_id = id)
);
create index on cash_movement (session_id, at, id);
create index on cash_movement (invoice_id);

-- What the books say of a till.
create index journal_entry_into_till on journal_entry (debit_owner) where debit_kind = 'CASH';
create index journal_entry_out_of_till on journal_entry (credit_owner) where credit_kind = 'CASH';
