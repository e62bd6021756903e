-- What is to be entered into the ledger. An order commits with the change that it
-- belongs to and is posted afterwards, in order; each entry knows the id of its transfer,
-- so that posting it twice moves money once.
create table journal_order (
    id uuid primary key,
    place bigint generated always as identity unique,
    entered_at timestamptz not null,
    posted_at timestamptz,
    -- What the ledger said when it refused; asked again until it does not.
    refused text
);
create index on journal_order (place) where posted_at is null;

create table journal_entry (
    order_id uuid not null references journal_order,
    place smallint not null,
    transfer_id uuid not null unique,
    debit_kind text not null,
    debit_owner uuid,
    credit_kind text not null,
    credit_owner uuid,
    minor bigint not null check (minor > 0),
    currency text not null check (length(currency) = 3),
    reference uuid not null,
    primary key (order_id, place),
    check ((debit_kind, debit_owner) is distinct from (credit_kind, credit_owner))
);
create index on journal_entry (reference);

-- Accounts of the ledger that are known.
create table journal_account (
    kind text not null,
    owner_id uuid,
    currency text not null,
    account_id uuid not null unique,
    unique nulls not distinct (kind, owner_id, currency)
);

-- Invoices are what happened to them. Beside each event stands by how much it changed
-- the sums, so that they can be added up without knowing what events mean.
create table invoice_event (
    invoice_id uuid not null,
    version bigint not null check (version > 0),
    kind text not null,
    body jsonb not null,
    billed bigint not null,
    settled bigint not null,
    pending bigint not null,
    insurer bigint not null,
    at timestamptz not null,
    primary key (invoice_id, version)
);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end
$$;
create trigger append_only before update or delete or truncate on invoice_event
    for each statement execute function refuse_change();

-- Where invoices stand, for questions. Written with the events.
create table invoice (
    id uuid primary key,
    patient_id uuid not null,
    number bigint unique,
    status text not null check (status in ('DRAFT', 'ISSUED', 'PARTIALLY_PAID', 'BALANCED', 'CANCELLED')),
    currency text not null check (length(currency) = 3),
    -- What the patient is asked for; what of it is settled; what of it is being paid.
    billed bigint not null check (billed >= 0),
    settled bigint not null check (settled >= 0),
    pending bigint not null check (pending >= 0),
    -- What payers are asked for or have paid.
    insurer bigint not null check (insurer >= 0),
    issued_on date,
    version bigint not null,
    drafted_at timestamptz not null,
    check (settled + pending <= billed),
    check (status not in ('ISSUED', 'PARTIALLY_PAID', 'BALANCED') or (number is not null and issued_on is not null)),
    check (status <> 'BALANCED' or settled = billed),
    check (status <> 'ISSUED' or (settled = 0 and billed > 0)),
    check (status <> 'PARTIALLY_PAID' or (settled > 0 and settled < billed))
);
create index on invoice (patient_id, drafted_at, id);
create index on invoice (drafted_at, id);
create sequence invoice_number;

-- The lines of an invoice as they are now: what was asked is accounted for, to the cent.
create table invoice_line (
    invoice_id uuid not null references invoice,
    charge_id uuid not null references charge,
    gross bigint not null check (gross >= 0),
    contractual bigint not null check (contractual >= 0),
    denied bigint not null check (denied >= 0),
    credited bigint not null check (credited >= 0),
    patient bigint not null check (patient >= 0),
    insurer bigint not null check (insurer >= 0),
    primary key (invoice_id, charge_id),
    check (gross = contractual + denied + credited + patient + insurer)
);
create index on invoice_line (charge_id);

-- Payments of invoices from wallets. `id` is also the payment's in SecurePay; `request`
-- is the same when a request is repeated.
create table invoice_payment (
    id uuid primary key,
    request_id uuid not null unique,
    invoice_id uuid not null references invoice,
    wallet_id uuid not null,
    minor bigint not null check (minor > 0),
    currency text not null,
    refunded bigint not null default 0 check (refunded between 0 and minor),
    status text not null check (status in ('PENDING', 'CAPTURED', 'REFUSED', 'RETURNED')),
    refusal text,
    -- What is to be asked next: PAY, LOOK, RETURN or nothing.
    question text check (question in ('PAY', 'LOOK', 'RETURN')),
    ask_at timestamptz,
    started_at timestamptz not null,
    settled_at timestamptz,
    check ((question is null) = (ask_at is null)),
    check ((status = 'PENDING') = (settled_at is null)),
    check ((status = 'REFUSED') = (refusal is not null) or status = 'RETURNED')
);
create index on invoice_payment (invoice_id);
create index on invoice_payment (ask_at) where question is not null;

-- What somebody asked to be given up or given back; somebody else decides.
create table adjustment (
    id uuid primary key,
    invoice_id uuid not null references invoice,
    patient_id uuid not null,
    kind text not null check (kind in ('WRITE_OFF', 'REFUND', 'CREDIT_NOTE')),
    payment_id uuid references invoice_payment,
    minor bigint not null check (minor > 0),
    currency text not null,
    sealed_reason bytea,
    status text not null check (status in ('REQUESTED', 'APPROVED', 'REJECTED', 'DONE', 'FAILED')),
    requested_by uuid not null,
    requested_at timestamptz not null,
    decided_by uuid check (decided_by <> requested_by),
    decided_at timestamptz,
    -- While the money is on its way back.
    ask_at timestamptz,
    version bigint not null,
    check ((kind = 'REFUND') = (payment_id is not null)),
    check (kind = 'CREDIT_NOTE' or (status = 'REQUESTED') = (decided_by is null)),
    check ((decided_by is null) = (decided_at is null))
);
create index on adjustment (invoice_id);
create index on adjustment (ask_at) where ask_at is not null;
