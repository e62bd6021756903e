#!/usr/bin/env bash
# Uses a fresh hospital with a real Chromium: what needs a browser to be shown.
#   scripts/browser-tests.sh
set -euo pipefail
cd "$(dirname "$0")/.."

# The address has to be known beforehand, because passkeys are made for it.
port=$(node -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
export GALEN_BASE=http://localhost:$port
export GALEN_IDENTITY_PUBLIC_URL=$GALEN_BASE
. scripts/fresh-hospital.sh
fresh_hospital --listen "127.0.0.1:$port"

status=0
CHROMIUM=$(command -v chromium) node --test tests/browser/passkeys.test.mjs || status=$?

logged_no_errors || status=1
exit $status
