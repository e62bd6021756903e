#!/bin/sh
# Calls rustc, and adds libFuzzer's coverage counters to the crates of this workspace.
# As RUSTC_WORKSPACE_WRAPPER: cargo keeps what it builds apart from ordinary builds,
# and takes everybody else's crates from them. The flags are those of cargo-fuzz with
# `--sanitizer none`, which are stable.
case " $* " in
*" --crate-name "*) ;;
*) exec "$@" ;;
esac
case " $* " in
*" --crate-name build_script_build "* | *" --crate-type proc-macro "*) exec "$@" ;;
esac
exec "$@" --cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
