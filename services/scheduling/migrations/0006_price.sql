-- What an appointment cost by the tariff when it was booked, and who was expected to pay
-- it. Minor units; all null when billing had no price, or could not be asked.

alter table appointment
    add column price_currency text check (length(price_currency) = 3),
    add column patient_share bigint check (patient_share >= 0),
    add column insurer_share bigint check (insurer_share >= 0),
    -- What the patient was asked to pay before it.
    add column prepayment bigint check (prepayment between 0 and patient_share + insurer_share),
    add constraint appointment_priced check (num_nulls(price_currency, patient_share, insurer_share, prepayment) in (0, 4));
