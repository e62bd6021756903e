-- What patients are asked to pay before appointments, and whether they have: what billing
-- says, for whoever looks at an appointment.

create table prepayment (
    appointment_id uuid primary key references appointment (id),
    currency text not null check (length(currency) = 3),
    -- Minor units.
    minor bigint not null check (minor > 0),
    status text not null check (status in ('REQUESTED', 'HELD', 'REFUSED', 'APPLIED', 'RELEASED', 'FORFEITED', 'MOVED'))
);
