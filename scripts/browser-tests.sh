#!/usr/bin/env bash
# Uses a fresh hospital with a real Chromium: what needs a browser to be shown.
#   scripts/browser-tests.sh
set -euo pipefail
cd "$(dirname "$0")/.."

galen=target/debug/galen
work=$(mktemp -d)
chmod 755 "$work"
touch "$work/stdout"
# The address has to be known beforehand, because passkeys are made for it.
port=$(node -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
export GALEN_BASE=http://localhost:$port

GALEN_IDENTITY_PUBLIC_URL=$GALEN_BASE \
    "$galen" up --data-dir "$work/data" --listen "127.0.0.1:$port" --ops-listen 127.0.0.1:0 --limits off --log warn \
    >"$work/stdout" 2>"$work/stderr" &
pid=$!
finish() {
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

for _ in $(seq 600); do
    grep -q '^ready on ' "$work/stdout" && break
    kill -0 "$pid" || { cat "$work/stderr" >&2; exit 1; }
    sleep 0.1
done
grep -q '^ready on ' "$work/stdout" || { echo "galen up is not ready within a minute" >&2; cat "$work/stderr" >&2; exit 1; }

status=0
CHROMIUM=$(command -v chromium) node --test tests/browser/passkeys.test.mjs || status=$?

if grep -E ' ERROR |panicked' "$work/stderr" >&2; then
    echo "the server logged errors while a browser used it" >&2
    status=1
fi
exit $status
