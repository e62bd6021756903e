-- Why somebody comes and why they do not, sealed with the data key of the patient whom
-- the appointment was booked for. The codes stay in clear: rules look at them.
--
-- How long a text is is held by the type that is sealed (`appointment/words.rs`).
--
-- The columns in clear stay until a later version; the service empties them when it
-- starts, in batches (`in_clear.rs`). Until then a text is in one form or the other.

alter table appointment
    add column sealed_reason bytea constraint appointment_reason_sealed check (octet_length(sealed_reason) >= 45),
    add column sealed_cancellation_note bytea constraint appointment_note_sealed check (octet_length(sealed_cancellation_note) >= 45),
    add constraint appointment_reason_one_form check (num_nonnulls(reason, sealed_reason) <= 1),
    add constraint appointment_note_one_form check (num_nonnulls(cancellation_note, sealed_cancellation_note) <= 1),
    add constraint appointment_note_of_cancelled check (sealed_cancellation_note is null or cancelled_for is not null);

-- What is left to be sealed. Empty ever after.
create index appointment_in_clear on appointment (id) where reason is not null or cancellation_note is not null;
