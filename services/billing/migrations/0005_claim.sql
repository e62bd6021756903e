-- Claims: what payers are asked for, and what they answered.
--
-- Everything about a claim is in `claim_event`, which only grows; `claim` and
-- `claim_line` are what follows from it, kept in the same transaction so that it can be
-- asked for, and `galen verify` compares the two.

create table claim (
    id uuid primary key,
    -- The first of those that replaced each other: its receivable is theirs.
    root_id uuid not null references claim,
    replaces_id uuid unique references claim,
    invoice_id uuid not null,
    patient_id uuid not null,
    payer_id uuid not null,
    -- 1: the payer who is asked first.
    ordinal smallint not null check (ordinal between 1 and 9),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    status text not null check (status in ('DRAFT', 'SCRUBBED', 'READY', 'SUBMITTED', 'ACKNOWLEDGED', 'REJECTED',
        'PENDED', 'ADJUDICATED', 'APPEALED', 'POSTED', 'CLOSED', 'REPLACED', 'VOIDED')),
    outcome text check (outcome in ('PAID', 'PARTIALLY_PAID', 'DENIED')),
    charged bigint not null check (charged >= 0),
    received bigint not null check (received >= 0),
    outstanding bigint not null check (outstanding >= 0),
    file_by date,
    submitted_at timestamptz,
    -- Since when somebody should ask the payer in person.
    follow_up_since timestamptz,
    prepared_at timestamptz not null,
    version bigint not null check (version > 0),
    constraint claim_root check (root_id <> id or replaces_id is null)
);
-- One claim at a time to a payer for an invoice.
create unique index claim_alive on claim (invoice_id, payer_id, ordinal) where status not in ('REPLACED', 'VOIDED');
create index claim_by_patient on claim (patient_id, id);
create index claim_by_payer on claim (payer_id, id);
create index claim_unanswered on claim (submitted_at) where status in ('SUBMITTED', 'ACKNOWLEDGED', 'PENDED');

create table claim_line (
    claim_id uuid not null references claim,
    sequence integer not null check (sequence between 1 and 65535),
    -- With the claim's invoice: a line of the invoice.
    charge_id uuid not null,
    service_code text not null,
    quantity bigint not null check (quantity > 0),
    pre_authorisation text,
    charged bigint not null check (charged >= 0),
    -- Paid by this payer, written off, left to somebody else, paid before, still asked for.
    received bigint not null check (received >= 0),
    written_off bigint not null check (written_off >= 0),
    left_over bigint not null check (left_over >= 0),
    prior bigint not null check (prior >= 0),
    outstanding bigint not null check (outstanding >= 0),
    primary key (claim_id, sequence),
    constraint claim_line_balances check (charged = received + written_off + left_over + prior + outstanding)
);
create index claim_line_agreed on claim_line (pre_authorisation) where pre_authorisation is not null;

create table claim_event (
    claim_id uuid not null references claim,
    -- From 1, without gaps.
    version bigint not null check (version > 0),
    at timestamptz not null,
    kind text not null,
    -- What the claim is after it.
    status text not null,
    data jsonb not null,
    primary key (claim_id, version)
);

create function refuse_change_of_history() returns trigger language plpgsql as $$
begin
    raise insufficient_privilege using message = format('%s.%s is append-only', tg_table_schema, tg_table_name);
end $$;
create trigger append_only before update or delete or truncate on claim_event
for each statement execute function refuse_change_of_history();
revoke update, delete, truncate on claim_event from current_user;
