#!/usr/bin/env bash
# From AppointmentBooked to the stored confirmation, through staff and back: four
# events and four services' transactions.
#   bench/effect.sh SINCE
set -euo pipefail
cd "$(dirname "$0")/.."
target/release/galen psql -- --no-psqlrc --tuples-only --no-align --field-separator=' ' --command "
    select format('%s bookings confirmed; booking to stored confirmation p50 %s ms, p95 %s ms, p99 %s ms', count(*),
           round((percentile_cont(0.50) within group (order by ms))::numeric, 1),
           round((percentile_cont(0.95) within group (order by ms))::numeric, 1),
           round((percentile_cont(0.99) within group (order by ms))::numeric, 1))
    from (select extract(epoch from m.created_at - e.at) * 1000 as ms
          from notifications.message m
          join events.event e on e.key = m.about_id::text and e.type = 'galen.scheduling.appointment-booked.v1'
          where m.template = 'APPOINTMENT_CONFIRMATION' and e.at >= '$1') as hops"
