-- The clinical record, coverages and broken glasses, sealed with the data key of the
-- patient whose record they are in.
--
-- What the columns in clear were checked for (lengths, sets of words, that a condition
-- does not end before it begins, units and decimals of measured values) is held by the
-- types that are sealed: `model.rs` of each kind, and `text.rs`. They cannot be made of
-- anything else, and opening refuses what does not fit. What the database still compares
-- stays in clear, as it says nothing about a person by itself: of which kind an entry is,
-- when it was true, who wrote it, what it amends, from which system it came; plan, days
-- and priority of a coverage.
--
-- The columns in clear stay until a later version; the service empties them when it
-- starts, in batches (`in_clear.rs`). Until then a row is one or the other.

alter table allergy
    add column content bytea constraint allergy_content_sealed check (octet_length(content) >= 45),
    alter column code_system drop not null,
    alter column code drop not null,
    alter column code_display drop not null,
    alter column clinical_status drop not null,
    add constraint allergy_one_form check (case when content is null then num_nulls(code_system, code, code_display, clinical_status) = 0
                                                else num_nonnulls(code_system, code, code_display, clinical_status, category, criticality, reaction, onset) = 0 end);

alter table condition
    add column content bytea constraint condition_content_sealed check (octet_length(content) >= 45),
    alter column code_system drop not null,
    alter column code drop not null,
    alter column code_display drop not null,
    alter column clinical_status drop not null,
    add constraint condition_one_form check (case when content is null then num_nulls(code_system, code, code_display, clinical_status) = 0
                                                  else num_nonnulls(code_system, code, code_display, clinical_status, onset, abatement) = 0 end);

alter table note
    add column content bytea constraint note_content_sealed check (octet_length(content) >= 45),
    alter column body drop not null,
    add constraint note_one_form check (case when content is null then body is not null else num_nonnulls(title, body) = 0 end);

alter table vital
    add column content bytea constraint vital_content_sealed check (octet_length(content) >= 45),
    alter column loinc drop not null,
    alter column value drop not null,
    alter column unit drop not null,
    add constraint vital_one_form check (case when content is null then num_nulls(loinc, value, unit) = 0 else num_nonnulls(loinc, value, unit) = 0 end);

alter table entry
    add column sealed_source_value bytea constraint entry_source_value_sealed check (octet_length(sealed_source_value) >= 45),
    -- Blind: equal for equal numbers of one system. Removed when the person is erased.
    add column source_value_index bytea constraint entry_source_value_blind check (octet_length(source_value_index) = 16),
    add column sealed_error_reason bytea constraint entry_error_reason_sealed check (octet_length(sealed_error_reason) >= 45),
    drop constraint entry_check,
    drop constraint entry_check1,
    add constraint entry_source_one_form check (num_nonnulls(source_value, sealed_source_value) = (source_system is not null)::integer),
    add constraint entry_source_index_of_sealed check (source_value_index is null or sealed_source_value is not null),
    add constraint entry_error_whole check ((error_marked_at is null) = (error_marked_by is null)),
    add constraint entry_error_one_form check (num_nonnulls(error_reason, sealed_error_reason) = (error_marked_at is not null)::integer);
create unique index entry_source_value_unique on entry (kind, source_system, source_value_index) where source_value_index is not null;

alter table coverage
    add column card bytea constraint coverage_card_sealed check (octet_length(card) >= 45),
    alter column policy_number drop not null,
    add constraint coverage_one_form check (case when card is null then policy_number is not null else num_nonnulls(policy_number, payer_name) = 0 end);

alter table break_glass
    add column sealed_reason bytea constraint break_glass_reason_sealed check (octet_length(sealed_reason) >= 45),
    alter column reason drop not null,
    add constraint break_glass_one_form check (num_nonnulls(reason, sealed_reason) = 1);

alter table break_glass_review
    add column sealed_comment bytea constraint break_glass_review_comment_sealed check (octet_length(sealed_comment) >= 45),
    alter column comment drop not null,
    add constraint break_glass_review_one_form check (num_nonnulls(comment, sealed_comment) = 1);

-- Append-only, but for how a text is stored: from clear to sealed, and from one data key
-- to another. A sealed text is bound to its row; whoever has only the database cannot
-- make up another one.
create function break_glass_keeps_what_it_says() returns trigger
    language plpgsql
    as $$
    begin
        if to_jsonb(new) - '{reason,sealed_reason,comment,sealed_comment}'::text[] = to_jsonb(old) - '{reason,sealed_reason,comment,sealed_comment}'::text[]
           and coalesce(to_jsonb(new) ->> 'reason', to_jsonb(new) ->> 'comment') is null then
            return new;
        end if;
        raise exception 'who reached which record, and what was thought of it, is append-only' using errcode = 'restrict_violation';
    end
    $$;

drop trigger break_glass_append_only on break_glass;
create trigger break_glass_append_only
    before delete or truncate on break_glass
    for each statement execute function break_glass_is_append_only();
create trigger break_glass_only_sealed
    before update on break_glass
    for each row execute function break_glass_keeps_what_it_says();

drop trigger break_glass_review_append_only on break_glass_review;
create trigger break_glass_review_append_only
    before delete or truncate on break_glass_review
    for each statement execute function break_glass_is_append_only();
create trigger break_glass_review_only_sealed
    before update on break_glass_review
    for each row execute function break_glass_keeps_what_it_says();
