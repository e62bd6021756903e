# To be sourced by scripts that use a fresh hospital for a while.

# Starts one on a temporary directory with further options of `galen up`, waits until it
# is ready at $base, and stops and removes it when the script ends.
fresh_hospital() {
    work=$(mktemp -d)
    chmod 755 "$work"
    # The job below opens it when it gets to it, which may be after the first look.
    touch "$work/stdout"
    target/debug/galen up --data-dir "$work/data" --ops-listen 127.0.0.1:0 --limits off --log warn "$@" \
        >"$work/stdout" 2>"$work/stderr" &
    pid=$!
    trap end_hospital EXIT
    for _ in $(seq 600); do
        base=$(sed -n 's/^ready on //p' "$work/stdout")
        [ -n "$base" ] && return
        kill -0 "$pid" || { cat "$work/stderr" >&2; exit 1; }
        sleep 0.1
    done
    echo "galen up is not ready within a minute" >&2
    cat "$work/stderr" >&2
    exit 1
}

end_hospital() {
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    rm -rf "$work"
}

# Fails, and shows them, when the server has logged errors.
logged_no_errors() {
    if grep -E ' ERROR |panicked' "$work/stderr" >&2; then
        echo "the server logged errors while it was used" >&2
        return 1
    fi
}
