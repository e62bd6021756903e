//! The invariants that `galen verify` checks.

use galen_service::Check;

/// Every invariant of the service.
pub(crate) const ALL: &[Check] = &[
    Check {
        name: "every record leads to exactly one that stands on its own",
        sql: "select p.mrn || ' leads to none: its merges go in a circle' from patient p where survivor_of(p.id) is null",
    },
    Check {
        name: "every record points where its history of merges says",
        sql: "select p.mrn || ' points to ' || coalesce(p.merged_into::text, 'nothing') || ', its history to ' || coalesce(h.survivor_id::text, 'nothing')
              from patient p
              left join lateral (
                  select case when m.kind = 'MERGED' then m.survivor_id end as survivor_id
                  from merge_event m where m.retired_id = p.id order by m.seq desc limit 1
              ) h on true
              where p.merged_into is distinct from h.survivor_id",
    },
    Check {
        name: "every history of merges is without a gap",
        sql: "select retired_id || ' has ' || count(*) || ' events and ends with ' || max(seq) from merge_event group by retired_id having count(*) <> max(seq)",
    },
    Check {
        name: "nobody is stored in the clear",
        sql: "select 'an earlier version stored people in the clear; they are sealed when the service starts' where to_regclass('patient_in_clear') is not null
              union all
              select mrn || ' is not sealed' from patient where demographics is null and erased_at is null",
    },
    Check {
        name: "every record number has matching check digits",
        sql: "select mrn || ' is not a record number' from patient where not mrn_is_valid(mrn)",
    },
    Check {
        name: "no record number will be handed out again",
        sql: "select p.mrn || ' lies ahead of its series' from patient p join mrn_series s on s.prefix = split_part(p.mrn, '-', 1)
              where split_part(p.mrn, '-', 2)::bigint >= s.next",
    },
    Check {
        name: "no two coverages of one record have the same priority at the same time",
        sql: "select a.id || ' overlaps ' || b.id from coverage a
              join coverage b on a.patient_id = b.patient_id and a.priority = b.priority and a.id < b.id
                             and daterange(a.valid_from, a.valid_to) && daterange(b.valid_from, b.valid_to)",
    },
    Check {
        name: "every entry says what its kind says",
        sql: "select e.id || ' is an empty ' || e.kind from entry e
              where not exists (select from allergy c where c.entry_id = e.id)
                and not exists (select from condition c where c.entry_id = e.id)
                and not exists (select from note c where c.entry_id = e.id)
                and not exists (select from vital c where c.entry_id = e.id)",
    },
    Check {
        name: "nothing of a record, a coverage or a broken glass is in clear",
        sql: "select 'allergy ' || entry_id || ' is in clear' from allergy where content is null
              union all select 'condition ' || entry_id || ' is in clear' from condition where content is null
              union all select 'note ' || entry_id || ' is in clear' from note where content is null
              union all select 'vital sign ' || entry_id || ' is in clear' from vital where content is null
              union all select 'entry ' || id || ' is in clear' from entry where num_nonnulls(source_value, error_reason) > 0
              union all select 'coverage ' || id || ' is in clear' from coverage where card is null
              union all select 'broken glass ' || id || ' is in clear' from break_glass where reason is not null
              union all select 'judgement of ' || break_glass_id || ' is in clear' from break_glass_review where comment is not null",
    },
    Check {
        name: "every ground of care is for somebody",
        sql: "select g.source || ' ' || g.source_id || ' is for the record ' || g.patient_id || ', which leads to nobody'
              from care_ground g where survivor_of(g.patient_id) is null",
    },
    Check {
        name: "care for what took place does not end",
        sql: "select source || ' ' || source_id || ' took place and ended ' || until from care_ground where took_place and until is not null",
    },
    Check {
        name: "who was erased is found by nothing",
        sql: "select p.mrn || ' is found' from patient p
              where p.erased_at is not null
                and (p.demographics is not null or p.user_id is not null
                     or exists (select from patient_name_token t where t.patient_id = p.id)
                     or exists (select from patient_identifier i where i.patient_id = p.id)
                     or exists (select from entry e where e.patient_id = p.id and e.source_value_index is not null))",
    },
    Check {
        name: "nobody was erased but by two people's decision",
        sql: "select p.mrn || ' is erased without an approved request' from patient p
              where p.erased_at is not null
                and not exists (select from erasure e where e.approved and e.decided_by <> e.requested_by
                                                        and e.patient_id = survivor_of(p.id))",
    },
    Check {
        name: "no key of who was erased opens anything",
        sql: "select p.mrn || ' has a key' from patient p join data_key k on k.subject = p.id
              where p.keys_erased_at is not null and k.wrapped is not null",
    },
    Check {
        name: "every broken glass mends within eight hours",
        sql: "select id || ' is open from ' || opened_at || ' until ' || until from break_glass
              where until <= opened_at or until > opened_at + interval '8 hours'",
    },
    Check {
        name: "nobody judged their own access",
        sql: "select b.id || ' was judged by who opened it' from break_glass b
              join break_glass_review r on r.break_glass_id = b.id where r.reviewed_by = b.user_id",
    },
];
