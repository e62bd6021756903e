-- What one booking writes, as Galen writes it: the look-up and lock of its
-- idempotency key, the claim and the appointment, the process and its timers, the
-- stored answer, the outbox. Times and people are random, so that nothing collides;
-- the events are of a type that nobody handles, so Galen sequences and passes them.
\set doctor random(1, 1000)
\set minute random(0, 40000000)
begin;
select pg_advisory_xact_lock(hashtextextended('bench/' || :client_id || :minute, 0));
select fingerprint, status, headers, body from scheduling.idempotency where caller = 'bench' and key = :client_id || '-' || :minute;
with ids as (
    select gen_random_uuid() as id, gen_random_uuid() as patient_id, md5(:doctor::text)::uuid as practitioner_id,
           timestamptz '2030-01-01 00:00:00+00' + :minute * interval '11 minutes' as start_at
), expired as (
    delete from scheduling.claim c using ids
    where c.half_day = floor(extract(epoch from (ids.start_at - timestamptz '1970-01-01 00:00:00+00')) / 43200)::integer
      and c.practitioner_id = ids.practitioner_id and c.start_at < ids.start_at + interval '10 minutes' and c.end_at > ids.start_at and c.expires_at <= now()
    returning 1
), taken as (
    insert into scheduling.claim (id, kind, practitioner_id, patient_id, start_at, end_at)
    select id, 'APPOINTMENT', practitioner_id, patient_id, start_at, start_at + interval '10 minutes'
    from ids, (select count(*) from expired) as dropped
    on conflict do nothing
    returning id, practitioner_id, patient_id, start_at, end_at
)
insert into scheduling.appointment (id, patient_id, practitioner_id, start_at, end_at, service_type, payment_mode, status, booked_by, booked_at)
select id, patient_id, practitioner_id, start_at, end_at, 'CONSULTATION', 'SELF_PAY', 'BOOKED', patient_id, now() from taken
returning id \gset
select * from events.begin_process(gen_random_uuid(), 'bench.booking', :id, 1::int2, now() + interval '1 day', '{"patientId":"00000000-0000-7000-8000-000000000000","practitionerId":"00000000-0000-7000-8000-000000000000"}', 'RUNNING', 'verifying');
select events.set_timer('bench.deadline', :id, timestamptz '2090-01-01 00:00:00+00', '{}', '{}');
select events.set_timer('bench.step', :id, timestamptz '2090-01-01 00:00:00+00', '{}', '{}');
insert into scheduling.idempotency (caller, key, fingerprint, status, headers, body, created_at)
values ('bench', :client_id || '-' || :minute || '-' || :id, sha256(decode(replace(:id, '-', ''), 'hex')), 201, '[]', repeat('x', 450)::bytea, now());
select events.publish(array[gen_random_uuid(), gen_random_uuid()], array['scheduling', 'scheduling'], array[:id, md5(:doctor::text)],
    array['galen.scheduling.measured.v1', 'galen.scheduling.measured.v1'],
    array['{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}', '{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}']::jsonb[],
    array[repeat('x', 180)::bytea, repeat('x', 180)::bytea]);
commit;
