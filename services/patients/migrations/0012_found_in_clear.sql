-- What is still in clear is looked for at every start: without walking through all that
-- is sealed. Nothing that is sealed is in these indexes, so that they are empty.
create index allergy_in_clear on allergy (entry_id) where content is null;
create index condition_in_clear on condition (entry_id) where content is null;
create index note_in_clear on note (entry_id) where content is null;
create index vital_in_clear on vital (entry_id) where content is null;
create index entry_source_in_clear on entry (id) where source_value is not null;
create index entry_error_in_clear on entry (id) where error_reason is not null;
create index coverage_in_clear on coverage (id) where card is null;
create index break_glass_in_clear on break_glass (id) where reason is not null;
create index break_glass_review_in_clear on break_glass_review (break_glass_id) where comment is not null;
