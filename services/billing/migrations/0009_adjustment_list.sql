-- The list of adjustments: what waits for a decision is asked for most.
create index adjustment_by_time on adjustment (requested_at, id);
create index adjustment_undecided on adjustment (requested_at, id) where status = 'REQUESTED';
create index adjustment_by_patient on adjustment (patient_id, requested_at, id);
