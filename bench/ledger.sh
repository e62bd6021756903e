#!/usr/bin/env bash
# Measures the ledger on this machine: transfers in one process, payments over gRPC and
# through REST, each on a durable PostgreSQL of its own that is thrown away. Adds to the
# report of the day.
#   bench/ledger.sh [seconds per run] [process|slow|grpc|rest|million]...
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-5}
shift || true
sections=("$@")
[ ${#sections[@]} -gt 0 ] || sections=(process slow grpc rest million)
galen=target/release/galen
report=bench/reports/$(date -u +%Y-%m-%d)-ledger.txt

measure() {
    echo "== $1: $2"
    echo "Galen $(git rev-parse --short HEAD) at $(date -u +%FT%TZ); galen bench ledger ${*:3}"
    "$galen" bench ledger "${@:3}"
    echo
}

exec > >(tee -a "$report")
for section in "${sections[@]}"; do
    case $section in
    process) measure "$section" "transfers in one process; beside them the same rows by plain SQL, a transaction each" \
        --accounts 2,50,1000,100000 --clients 1,16,64,256,1024 --seconds "$seconds" ;;
    slow) measure "$section" "the same with 1 ms added to every commit" \
        --accounts 2,1000 --clients 64,256,1024 --commit-millis 1 --seconds "$seconds" ;;
    grpc) measure "$section" "payments over gRPC" \
        --through grpc --accounts 2,1000,100000 --clients 1,16,64,256,1024 --seconds "$seconds" ;;
    rest) measure "$section" "payments through REST" \
        --through rest --accounts 2,1000,100000 --clients 1,16,64,256,1024 --seconds "$seconds" ;;
    million) measure "$section" "a million transfers, and what is there afterwards" \
        --accounts 100000 --clients 256 --transfers 1000000 --seconds 600 --alone ;;
    *) echo "no section $section" >&2; exit 2 ;;
    esac
done
