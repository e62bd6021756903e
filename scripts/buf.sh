#!/usr/bin/env bash
# buf, as scripts/install.sh installs it.
set -euo pipefail
cd "$(dirname "$0")/.."
exec .tools/node_modules/.bin/buf "$@"
