-- The ledger. Everything about money is in `posting`, which only grows; the totals of
-- accounts, the states of holds and the links of the chain follow from it, and
-- `galen verify` follows them.
--
-- One statement of the writer stores a whole batch, so accounts are narrow rows without
-- indexes on what changes.

create table ledger (
    id integer primary key,
    currency text not null constraint ledger_currency unique check (currency ~ '^[A-Z]{3}$'),
    -- Which writer decides about it.
    shard smallint not null
);

create table account (
    id bigint generated always as identity primary key,
    ledger_id integer not null references ledger,
    -- 0: none; 1: debits within credits, as a wallet; 2: credits within debits, as a debt.
    limits smallint not null default 0 check (limits between 0 and 2),
    -- 0: open; 1: frozen; 2: closed.
    standing smallint not null default 0 check (standing between 0 and 2),
    debits_pending bigint not null default 0 check (debits_pending >= 0),
    debits_posted bigint not null default 0 check (debits_posted >= 0),
    credits_pending bigint not null default 0 check (credits_pending >= 0),
    credits_posted bigint not null default 0 check (credits_posted >= 0),
    -- How many postings name it.
    version bigint not null default 0 check (version >= 0),
    constraint account_is_not_overdrawn check (limits <> 1 or debits_posted + debits_pending <= credits_posted),
    constraint account_is_not_overpaid check (limits <> 2 or credits_posted + credits_pending <= debits_posted)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000);

create table posting (
    -- Microseconds since 1970, one more for each posting of a shard.
    at bigint not null,
    id uuid primary key,
    -- 1: transfer; 2: hold; 3: capture; 4: void; 5: expiry.
    kind smallint not null check (kind between 1 and 5),
    -- No foreign keys: the writer holds both accounts, and `galen verify` looks again.
    ledger_id integer not null,
    debit_id bigint not null,
    credit_id bigint not null,
    amount bigint not null check (amount > 0),
    -- The balances of both accounts afterwards.
    debit_balance bigint not null,
    credit_balance bigint not null,
    hold_id uuid,
    expires_at bigint,
    code smallint not null,
    reference uuid,
    constraint posting_between_two check (debit_id <> credit_id),
    constraint posting_of_hold check ((kind >= 3) = (hold_id is not null)),
    constraint posting_expires check (kind = 2 or expires_at is null)
);
-- In the order of what happened: the chain is read along it. Stamps come in order, so
-- that it stays small.
create index posting_by_stamp on posting using brin (at);
create index posting_by_debit on posting (debit_id, at);
create index posting_by_credit on posting (credit_id, at);
create index posting_by_hold on posting (hold_id) where hold_id is not null;
create index posting_by_reference on posting (reference) where reference is not null;

create table hold (
    id uuid primary key,
    ledger_id integer not null,
    debit_id bigint not null,
    credit_id bigint not null,
    amount bigint not null check (amount > 0),
    captured bigint not null,
    -- 0: open; 1: captured; 2: voided; 3: expired.
    state smallint not null check (state between 0 and 3),
    expires_at bigint,
    constraint hold_within check (captured between 0 and amount),
    constraint hold_open_or_captured check ((captured = amount) = (state = 1))
) with (fillfactor = 80);
create index hold_due on hold (expires_at) where state = 0 and expires_at is not null;

-- The batches and their links: SHA-256 over the link before and the postings.
create table batch (
    shard smallint not null,
    first bigint not null,
    last bigint not null,
    postings integer not null check (postings > 0),
    link bytea not null check (length(link) = 32),
    primary key (shard, first),
    check (first <= last)
);

-- Where each shard stands: who writes, the last stamp, the last link. Whoever writes
-- names the epoch and the link that it believes in, and fails if they are others.
create table head (
    shard smallint primary key,
    epoch bigint not null default 0,
    last bigint,
    link bytea not null check (length(link) = 32)
);
insert into head (shard, link) values (0, decode(repeat('00', 32), 'hex'));

-- Undoes the statement that calls it, unless all it rests on was as expected.
create function must(held boolean) returns void language plpgsql as $$
begin
    if held is not true then
        raise serialization_failure using message = 'the ledger is not as this writer believes';
    end if;
end $$;

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise insufficient_privilege using message = format('%s.%s is append-only', tg_table_schema, tg_table_name);
end $$;
create trigger append_only before update or delete or truncate on posting
for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on batch
for each statement execute function refuse_change();
revoke update, delete, truncate on posting, batch from current_user;
