//! What `galen verify` looks for in this schema.

use galen_service::Check;

/// The invariants that SQL can look for.
pub(crate) const CHECKS: &[Check] = &[
    Check {
        name: "no two tariffs say what a service costs on one day",
        sql: "select 'tariffs ' || a.id || ' and ' || b.id || ' overlap'
              from tariff a
              join tariff b on b.service_code = a.service_code and b.id > a.id
                  and (b.payer_id, b.encounter_class) is not distinct from (a.payer_id, a.encounter_class)
                  and daterange(b.valid_from, b.valid_to) && daterange(a.valid_from, a.valid_to)",
    },
    Check {
        name: "versions of plans begin in their order, without a gap",
        sql: "select plan_id || ' ' || version
              from (select plan_id, version, valid_from,
                           row_number() over (partition by plan_id order by version) as place,
                           lag(valid_from) over (partition by plan_id order by version) as before
                    from plan_version) v
              where version <> place or valid_from <= before",
    },
    Check {
        name: "nothing that is counted under a contract is less than nothing",
        sql: "select p.contract_id || ' ' || e.accumulator || ' ' || e.period
              from posting p join accumulator_entry e on e.posting_id = p.id
              where p.reversed_at is null
              group by p.contract_id, e.accumulator, e.member_id, e.period
              having sum(e.delta) < 0",
    },
];
