#!/usr/bin/env bash
# The statements of a booking by pgbench, in the tables of the running hospital, whose
# sequencer works as it does for Galen's own bookings.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=$1
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
for clients in 1 8 32; do
    target/release/galen psql --service scheduling --tool "$bin/pgbench" -- --no-vacuum --protocol=prepared --client="$clients" --jobs=2 \
        --time="$seconds" --file=bench/booking.sql 2>&1 |
        awk -v clients="$clients" '/^tps/ { tps = $3 } /^latency average/ { latency = $4 } /failed transactions/ { failed = $5 }
            END { printf "%-16s %8d %10d   average latency %s ms, failed %s\n", "pgbench", clients, tps, latency, failed }'
done
