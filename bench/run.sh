#!/usr/bin/env bash
# Measures Galen on this machine, client, server and database together, and writes
# one report. Ratios within a report mean something; seconds across machines do not.
#   bench/run.sh [seconds per run]
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-10}
galen=target/release/galen
work=$(mktemp -d)
chmod 755 "$work"
mkdir -p bench/reports
report=bench/reports/$(date -u +%Y-%m-%d)-$(git rev-parse --short HEAD).txt
export GALEN_ADMIN_PASSWORD=measure-me-twice GALEN_DATA_DIR=$work/data
pid=

up() {
    "$galen" up --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 --limits off --log warn >"$work/stdout" 2>>"$work/stderr" &
    pid=$!
    until grep -q '^ready on ' "$work/stdout"; do
        kill -0 "$pid" || { cat "$work/stderr" >&2; exit 1; }
        sleep 0.01
    done
    GALEN_URL=$(sed -n 's/^ready on //p' "$work/stdout")
    export GALEN_URL
}
down() {
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}
trap 'down; rm -rf "$work"' EXIT

# Proportional memory of Galen and its PostgreSQL, in MiB.
memory() {
    local sum=0 one postmaster
    postmaster=$(head -1 "$(find "$work/data" -name postmaster.pid)")
    for process in "$pid" "$postmaster" $(pgrep --parent "$postmaster"); do
        one=$(awk '/^Pss:/ { sum += $2 } END { print int(sum) }' "/proc/$process/smaps_rollup" 2>/dev/null || echo 0)
        sum=$((sum + one))
    done
    echo "$((sum / 1024)) MiB, of which Galen itself $(awk '/^VmRSS:/ { print int($2 / 1024) }' "/proc/$pid/status") MiB"
}
cpu() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
millis() { date +%s%3N; }

# Not a pipe around all of it: the trap above has to know the process.
exec > >(tee "$report")
echo "Galen $(git rev-parse --short HEAD) on $(date -u +%FT%TZ)"
echo "$(nproc) cores of $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(free -g | awk '/^Mem:/ { print $2 }') GiB, $(uname -sr)"
echo "PostgreSQL $(ls /usr/lib/postgresql | tail -1), fsync on, synchronous_commit on; client, server and database share the machine"
echo

echo "== start"
before=$(millis); up; echo "empty directory to ready       $(($(millis) - before)) ms"
down
for round in 1 2 3; do
    before=$(millis); up; echo "existing directory to ready    $(($(millis) - before)) ms"
    [ "$round" = 3 ] || down
done
sleep 5
before=$(cpu "$pid"); sleep 10; after=$(cpu "$pid")
echo "idle memory                    $(memory)"
echo "idle CPU of Galen              $(((after - before) * 100 / 10 / $(getconf CLK_TCK))) % of a core over 10 s"
echo

echo "== doctor options: 1,000 doctors with shifts, 100,000 bookings, pages of 50, every body checked"
"$galen" bench doctor-options --clients 10,50,200 --seconds "$seconds"
echo

echo "== booking: distinct slots through REST, each with an idempotency key"
"$galen" bench booking --clients 1,8,32 --seconds "$seconds" --bookings 0
echo
echo "== the same SQL by pgbench, without Galen"
bench/pgbench.sh "$seconds"
echo

echo "== from a booking to its confirmation in another service, at 50 bookings a second"
since=$(date -u +%FT%TZ)
"$galen" bench booking --clients 16 --round 3 --rate 50 --seconds "$seconds" --bookings 0
bench/effect.sh "$since"
echo

echo "== event backbone: publish, sequence, effect"
target/release/examples/throughput "$seconds"
