-- What banks say of their accounts, and what the books said at the end of each day.
-- Amounts are minor units; what came onto an account is more than zero.

alter table account_info drop constraint account_info_kind_check;
alter table account_info add constraint account_info_kind_check check (kind in (
    'WALLET', 'RECEIVABLE', 'REVENUE', 'WRITE_OFF', 'CASH', 'BANK', 'CLEARING', 'SUSPENSE', 'CASH_VARIANCE', 'EQUITY'));

-- An account at a bank. In the ledger it is the account of the kind BANK that it owns.
create table bank_account (
    id uuid primary key,
    -- IBAN, or the bank's own number.
    number text not null check (length(number) between 1 and 34),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    opened_at timestamptz not null,
    constraint bank_account_once unique (number, currency)
);

create table bank_statement (
    id uuid primary key,
    bank_account_id uuid not null references bank_account,
    -- Its place among the statements of the account; each opens with what the one before closed with.
    place integer not null check (place >= 1),
    -- What the bank calls it.
    name text not null check (length(name) between 1 and 35),
    -- SHA-256 over what it says.
    fingerprint bytea not null check (length(fingerprint) = 32),
    opening bigint not null,
    closing bigint not null,
    closed_on date not null,
    imported_at timestamptz not null,
    constraint bank_statement_once unique (bank_account_id, name),
    constraint bank_statement_place unique (bank_account_id, place)
);

create table bank_line (
    id uuid primary key,
    statement_id uuid not null references bank_statement,
    -- Its place among the entries of the document; 0 is what the first statement of an
    -- account opens with.
    number integer not null check (number >= 0),
    amount bigint not null check (amount <> 0),
    booked_on date not null,
    value_on date,
    is_return boolean not null,
    bank_reference text check (length(bank_reference) between 1 and 35),
    -- Sealed: references, texts, name and account of the other side.
    said bytea check (octet_length(said) >= 45),
    -- What its money is for; null while nobody knows, and then it rests in suspense.
    purpose text check (purpose in ('PROVIDER', 'WALLET', 'REMITTANCE', 'REVENUE', 'WRITE_OFF', 'EQUITY')),
    -- The account in the ledger where its money rests.
    account_id bigint not null references account,
    wallet_id uuid,
    because text not null,
    version bigint not null default 1 check (version >= 1),
    constraint bank_line_number unique (statement_id, number),
    constraint bank_line_wallet check ((purpose is not distinct from 'WALLET') = (wallet_id is not null))
);
create index bank_line_unmatched on bank_line (booked_on, statement_id, number) where purpose is null;
create index bank_line_in_order on bank_line (booked_on, statement_id, number);

-- What was found on a line; nothing is found on two.
create table bank_line_candidate (
    id uuid primary key,
    line_id uuid not null references bank_line
);
create index bank_line_candidate_by_line on bank_line_candidate (line_id);

-- Where the money of a line went, one transfer after another. First comes what is to be
-- done, then the transfer with this id, then its stamp: whoever is interrupted finds out
-- by the id what was done.
create table bank_line_move (
    id uuid primary key,
    line_id uuid not null references bank_line,
    statement_id uuid not null references bank_statement,
    number integer not null check (number >= 1),
    -- Moves of one group are transferred together.
    group_id uuid not null,
    asked bigint generated always as identity,
    debit_id bigint not null references account,
    credit_id bigint not null references account,
    amount bigint not null check (amount > 0),
    -- What the line is for and where its money rests afterwards.
    purpose text,
    account_id bigint not null references account,
    wallet_id uuid,
    because text not null,
    -- Sealed: why, in somebody's words.
    reason bytea check (octet_length(reason) >= 45),
    asked_by uuid,
    asked_at timestamptz not null,
    state text not null default 'OPEN' check (state in ('OPEN', 'POSTED', 'REFUSED')),
    -- The posting's.
    stamp bigint,
    constraint bank_line_move_number unique (line_id, number),
    constraint bank_line_move_posted check ((state = 'POSTED') = (stamp is not null))
);
-- One after the other.
create unique index bank_line_move_open on bank_line_move (line_id) where state = 'OPEN';
create index bank_line_move_waiting on bank_line_move (asked) where state = 'OPEN';

-- What the books said when a day of the hospital had ended. Postings only grow, with
-- stamps that only rise, so that whoever asks later finds the same; `galen verify` asks.
create table daily_close (
    day date not null,
    currency text not null references ledger (currency),
    -- The end of the day in the hospital's zone: postings with lower stamps are in it.
    before bigint not null,
    debits numeric not null,
    credits numeric not null,
    -- [{kind, accounts, debits, credits}]; minor units as text, because JSON numbers are not exact.
    kinds jsonb not null,
    -- What agreed with the banks and what did not.
    report jsonb not null,
    -- The chain after the last batch that began in the day.
    link bytea not null check (length(link) = 32),
    closed_at timestamptz not null,
    primary key (currency, day),
    constraint daily_close_balances check (debits = credits)
);
create index daily_close_by_day on daily_close (day, currency);
create trigger append_only before update or delete or truncate on daily_close
for each statement execute function refuse_change();
revoke update, delete, truncate on daily_close from current_user;
