-- Ids that were made within a millisecond, or by two machines, are in no order. What
-- replaced what, and what was asked again, is counted.

-- The first of those that replaced each other or were made again is 1.
alter table claim add column take integer;
update claim
set take = n.take
from (select id, row_number() over (partition by root_id order by prepared_at, id) as take from claim) n
where n.id = claim.id;
alter table claim
    alter column take set not null,
    add constraint claim_take check (take > 0 and (take = 1) = (id = root_id)),
    add constraint claim_take_once unique (root_id, take);

drop index claim_by_patient;
drop index claim_by_payer;
create index claim_by_time on claim (prepared_at, root_id, take);
create index claim_by_patient on claim (patient_id, prepared_at, root_id, take);
create index claim_by_payer on claim (payer_id, prepared_at, root_id, take);
drop index denial_open;
create index denial_by_time on denial (opened_at, id);
create index denial_open on denial (opened_at, id) where status in ('OPEN', 'WORKED');
drop index pre_authorisation_by_patient;
create index pre_authorisation_by_time on pre_authorisation (requested_at, id);
create index pre_authorisation_by_patient on pre_authorisation (patient_id, requested_at, id);
