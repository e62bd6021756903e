-- Whether an appointment has a price, and why it has none: there is none in force, or
-- billing did not say it when it was booked and is asked until it does (PENDING), or never
-- did. Of what was booked before this, nobody knows why it has none.
alter table appointment
    add column price_status text not null default 'UNPRICED'
        check (price_status in ('PRICED', 'UNPRICED', 'PENDING', 'UNANSWERED'));

update appointment set price_status = 'PRICED' where price_currency is not null;

alter table appointment
    add constraint appointment_price_status check ((price_status = 'PRICED') = (price_currency is not null));

create index on appointment (id) where price_status = 'PENDING';
