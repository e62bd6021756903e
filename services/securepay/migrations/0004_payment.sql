-- Payments. What became of one is what became of its hold, which has the same id: there
-- is nothing to change here. Its accounts have no foreign keys, as in `posting`: those
-- would be looked up and locked for every payment, and `galen verify` looks again.

create table payment (
    id uuid primary key references hold,
    from_id bigint not null,
    to_id bigint not null,
    amount bigint not null check (amount > 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    capture text not null check (capture in ('AUTOMATIC', 'MANUAL')),
    -- What somebody wrote about it, sealed with the data key of whom it is about.
    description bytea check (octet_length(description) >= 45),
    subject uuid,
    reference uuid,
    created_by uuid,
    created_at timestamptz not null,
    check (from_id <> to_id),
    constraint payment_description_of_somebody check ((description is null) = (subject is null))
);

create index payment_by_time on payment (created_at, id);
create index payment_by_payer on payment (from_id, created_at, id);
create index payment_by_payee on payment (to_id, created_at, id);

-- Up to which posting of a shard others were told what became of payments.
create table announcer (
    shard smallint primary key,
    told bigint not null
);
insert into announcer (shard, told) values (0, 0);
