-- Payments. What became of one is what became of its hold, which has the same id: there
-- is nothing to change here.

create table payment (
    id uuid primary key references hold,
    from_id bigint not null,
    to_id bigint not null,
    amount bigint not null check (amount > 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    capture text not null check (capture in ('AUTOMATIC', 'MANUAL')),
    description bytea check (octet_length(description) >= 45),
    reference uuid,
    created_by uuid,
    created_at timestamptz not null,
    check (from_id <> to_id)
);
