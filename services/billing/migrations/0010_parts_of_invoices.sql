-- An invoice is claimed in parts: days on which the same policies cover the patient. Most
-- have one; a plan's new version, or another policy, begins another.
alter table claim add column part smallint not null default 1 check (part between 1 and 200);
alter table claim alter column part drop default;
drop index claim_alive;
-- One claim at a time to a payer for a part.
create unique index claim_alive on claim (invoice_id, part, payer_id, ordinal) where status not in ('REPLACED', 'VOIDED');
