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

-- What goes to a payer, until it has answered. Sending twice and asking twice are safe:
-- the payer knows a claim by its reference.
create table claim_dispatch (
    reference text primary key,
    claim_id uuid not null references claim,
    content jsonb not null,
    -- When the payer confirmed that it came.
    sent_at timestamptz,
    -- When it is sent, or the payer asked, next; null when nothing is left to do.
    due_at timestamptz,
    attempts integer not null default 0 check (attempts >= 0)
);
create index claim_dispatch_due on claim_dispatch (due_at) where due_at is not null;
create index claim_dispatch_of on claim_dispatch (claim_id);

-- What payers have paid, and what they say about it.
create table remittance (
    id uuid primary key,
    payer_id uuid not null,
    -- The number of the payment at the payer.
    trace text not null check (length(trace) between 1 and 50),
    paid_on date not null,
    amount bigint not null check (amount >= 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    -- SHA-256 of what it says, in one order.
    fingerprint bytea not null check (length(fingerprint) = 32),
    posted_at timestamptz not null,
    constraint remittance_once unique (payer_id, trace)
);
create table remittance_line (
    remittance_id uuid not null references remittance,
    claim_id uuid not null,
    sequence integer not null,
    paid bigint not null check (paid >= 0),
    adjustments jsonb not null,
    primary key (remittance_id, claim_id, sequence),
    foreign key (claim_id, sequence) references claim_line (claim_id, sequence)
);
create index remittance_line_of on remittance_line (claim_id);
create trigger append_only before update or delete or truncate on remittance
for each statement execute function refuse_change_of_history();
create trigger append_only before update or delete or truncate on remittance_line
for each statement execute function refuse_change_of_history();
revoke update, delete, truncate on remittance_line from current_user;

-- What a payer did not pay although it was asked, until somebody has decided about it.
create table denial (
    id uuid primary key,
    -- The first of the claims that replaced each other, and the one that was denied last.
    root_id uuid not null references claim,
    claim_id uuid not null references claim,
    sequence integer not null,
    patient_id uuid not null,
    payer_id uuid not null,
    group_code text not null check (group_code in ('CO', 'PR', 'OA', 'PI')),
    reason text not null,
    amount bigint not null check (amount > 0),
    currency text not null,
    status text not null check (status in ('OPEN', 'WORKED', 'OVERTURNED', 'UPHELD')),
    action text check (action in ('CORRECT', 'APPEAL', 'WRITE_OFF', 'PATIENT')),
    opened_at timestamptz not null,
    closed_at timestamptz,
    version bigint not null,
    unique (root_id, sequence),
    foreign key (claim_id, sequence) references claim_line (claim_id, sequence),
    constraint denial_worked check ((status = 'OPEN') = (action is null) or status = 'OVERTURNED'),
    constraint denial_closed check ((status in ('OVERTURNED', 'UPHELD')) = (closed_at is not null))
);
create index denial_open on denial (id) where status in ('OPEN', 'WORKED');

-- What payers have agreed to beforehand.
create table pre_authorisation (
    id uuid primary key,
    number text unique,
    patient_id uuid not null,
    payer_id uuid not null,
    service_code text not null,
    quantity bigint not null check (quantity > 0),
    valid_from date not null,
    -- The last day.
    valid_to date not null,
    status text not null check (status in ('DRAFT', 'APPROVED', 'DENIED')),
    requested_at timestamptz not null,
    decided_at timestamptz,
    version bigint not null,
    constraint pre_authorisation_dates check (valid_from <= valid_to),
    constraint pre_authorisation_decided check ((status = 'DRAFT') = (decided_at is null)),
    constraint pre_authorisation_numbered check ((status = 'APPROVED') = (number is not null))
);
create index pre_authorisation_undecided on pre_authorisation (requested_at) where status = 'DRAFT';
create index pre_authorisation_by_patient on pre_authorisation (patient_id, id);

-- The memory of the simulated payer: what it got, what it decided, what it paid.
create table simulated_claim (
    reference text primary key,
    content jsonb not null,
    received_at timestamptz not null,
    decision jsonb,
    remitted_at timestamptz
);
create index simulated_claim_unpaid on simulated_claim (received_at) where remitted_at is null;
