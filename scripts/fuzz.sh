#!/usr/bin/env bash
# Fuzzes every parser that faces the outside, each for some seconds, with coverage.
# What was found before is kept in fuzz/corpus, what fails in fuzz/artifacts.
#   scripts/fuzz.sh [seconds per target] [target…]
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-10}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(basename --suffix=.rs --multiple fuzz/fuzz_targets/*.rs)

RUSTC_WORKSPACE_WRAPPER=$PWD/fuzz/instrument.sh \
    cargo build --locked --quiet --package galen-fuzz --features fuzz

fuzz() {
    local seconds=$1 target=$2 log
    mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
    log=$(mktemp)
    if target/debug/"$target" "fuzz/corpus/$target" "fuzz/seeds/$target" \
        -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="fuzz/artifacts/$target/" >"$log" 2>&1; then
        awk -v target="$target" '/DONE/ { coverage = $4 } /number_of_executed_units/ { runs = $2 }
            END { printf "%-8s %9d inputs, %5d branches, nothing found\n", target, runs, coverage }' "$log"
        rm "$log"
    else
        grep -v '^#[0-9]' "$log" >&2
        echo "$target: see above; run again with: target/debug/$target fuzz/artifacts/$target/…" >&2
        rm "$log"
        return 1
    fi
}
export -f fuzz
printf '%s\n' "${targets[@]}" | xargs --max-procs="$(nproc)" --replace bash -c 'fuzz "$0" "$1"' "$seconds" {}
