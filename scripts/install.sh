#!/usr/bin/env bash
# Installs what a target needs on Debian; silent when it is there.
#   scripts/install.sh build c++ postgresql python browser buf cargo-deny
set -euo pipefail
cd "$(dirname "$0")/.."

apt_updated=
debian() {
    local missing=()
    for package in "$@"; do
        dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    echo "installing Debian packages: ${missing[*]}"
    local sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    [ -n "$apt_updated" ] || { $sudo apt-get update -qq; apt_updated=1; }
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

for need in "$@"; do
    case $need in
    build)
        command -v cc >/dev/null || debian gcc libc6-dev
        if ! command -v cargo >/dev/null; then
            echo "Rust is missing: install rustup (https://rustup.rs); rust-toolchain.toml names the version" >&2
            exit 1
        fi
        ;;
    c++)
        command -v c++ >/dev/null || debian g++
        ;;
    postgresql)
        ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || debian postgresql
        ;;
    python)
        python3 -c 'import venv, ensurepip' 2>/dev/null || debian python3 python3-venv
        if [ ! -x .tools/python/bin/schemathesis ]; then
            echo "installing schemathesis into .tools/python"
            python3 -m venv .tools/python
            .tools/python/bin/pip install --quiet --disable-pip-version-check --requirement tests/api-fuzz/requirements.txt
        fi
        ;;
    browser)
        command -v chromium >/dev/null || debian chromium
        command -v npm >/dev/null || debian nodejs npm
        # npm writes the hidden lock last, so it is as old as what it installed.
        if [ ! tests/browser/node_modules/.package-lock.json -nt tests/browser/package-lock.json ]; then
            echo "installing playwright-core into tests/browser"
            npm ci --silent --no-fund --no-audit --prefix tests/browser
        fi
        ;;
    buf)
        if [ ! -x .tools/node_modules/.bin/buf ]; then
            command -v npm >/dev/null || debian npm
            echo "installing buf into .tools"
            npm install --silent --no-fund --no-audit --prefix .tools @bufbuild/buf@1.75.0
        fi
        ;;
    cargo-deny)
        if ! cargo deny --version >/dev/null 2>&1; then
            echo "installing cargo-deny (once; about two minutes)"
            # Unoptimised: it builds five times faster and checks in seconds.
            CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug cargo-deny@0.20.2
        fi
        ;;
    *)
        echo "unknown need: $need" >&2
        exit 2
        ;;
    esac
done
