-- What patients pay before appointments: from a wallet into the appointment's deposit
-- account, and from there to an invoice, back to the wallet, or to revenue as a fee.
create table prepayment (
    -- Also the id of its payment in SecurePay.
    id uuid primary key,
    appointment_id uuid not null unique,
    patient_id uuid not null,
    -- The booking process that waits for an answer; null when nobody asked.
    process_id uuid,
    command_id uuid,
    status text not null check (status in ('REQUESTED', 'WITHDRAWN', 'HELD', 'MISSED', 'APPLIED', 'RELEASED', 'FORFEITED', 'MOVED', 'REFUSED', 'EXPIRED')),
    refusal text,
    currency text not null check (length(currency) = 3),
    -- What the patient is asked for, and what of it a wallet is to pay.
    asked bigint not null check (asked >= 0),
    to_pay bigint not null check (to_pay >= 0),
    -- What came: from the wallet, and with the appointment that this one replaces.
    paid bigint not null check (paid in (0, to_pay)),
    taken_over bigint not null check (taken_over >= 0),
    -- What went: to an invoice, to revenue, to the wallet, and on to another appointment.
    applied bigint not null check (applied >= 0),
    forfeited bigint not null check (forfeited >= 0),
    released bigint not null check (released >= 0),
    handed_on bigint not null check (handed_on >= 0),
    held bigint not null generated always as (paid + taken_over - applied - forfeited - released - handed_on) stored,
    -- Where it came from and goes back to.
    wallet_id uuid,
    wallet_owner uuid,
    -- SecurePay may have been asked to pay.
    sent boolean not null,
    -- The invoice that it pays for, or will when it is there.
    invoice_id uuid references invoice,
    ends_at timestamptz not null,
    -- Until then SecurePay is asked to pay.
    deadline timestamptz not null,
    -- What is to be done next, and when: asking to pay, asking whether it was paid,
    -- settling what was missed.
    question text check (question in ('PAY', 'LOOK', 'SETTLE')),
    ask_at timestamptz,
    version bigint not null check (version > 0),
    constraint prepayment_never_overdrawn check (held >= 0),
    constraint prepayment_ends_empty check (held = 0 or status in ('REQUESTED', 'HELD', 'MISSED')),
    constraint prepayment_held_is_something check (held > 0 or status not in ('HELD', 'MISSED')),
    check ((process_id is null) = (command_id is null)),
    check ((wallet_id is null) = (wallet_owner is null)),
    check (not sent or wallet_id is not null),
    check (paid = 0 or sent),
    check ((question is null) = (ask_at is null)),
    check ((status in ('REFUSED', 'EXPIRED')) = (refusal is not null))
);
create index on prepayment (ask_at) where question is not null;
create index on prepayment (ends_at) where held > 0;

-- What the books say of a deposit.
create index on journal_entry (debit_owner) where debit_kind = 'DEPOSIT';
create index on journal_entry (credit_owner) where credit_kind = 'DEPOSIT';
