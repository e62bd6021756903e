-- Records of patients that were merged into another one. Edges as they were reported, so
-- that a merge can be undone; who somebody is today is found by following them. Charges
-- and invoices keep the record that they were made for.
create table patient_alias (
    retired_id uuid primary key,
    survivor_id uuid not null,
    merge_id uuid not null,
    check (retired_id <> survivor_id)
);

create index patient_alias_by_survivor on patient_alias (survivor_id);

-- Every id that a person has today, from any one of them. Follows merges upwards to
-- the survivor and from there downwards; UNION ends on a cycle.
create function ids_of_patient(wanted uuid) returns setof uuid
language sql stable as $$
    with recursive up (id) as (
        select wanted
        union
        select a.survivor_id from up join patient_alias a on a.retired_id = up.id
    ), down (id) as (
        select id from up
        union
        select a.retired_id from down join patient_alias a on a.survivor_id = down.id
    )
    select id from down
$$;
