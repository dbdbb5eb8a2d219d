#!/usr/bin/env bash
# All tests, with everything they need: Debian packages, Python tools in a virtual environment, the
# Rust checks, then the program against real peers. Fails when a tool is missing; skips nothing.
#
#   ./test.sh            everything
#   ./test.sh --quick    no peers: formatting, lints and the workspace's own tests
set -euo pipefail
cd "$(dirname "$0")"

tools="$PWD/target/test-tools"
debian_packages=(snmp snmpd prometheus python3-venv curl)

step() { printf '\n== %s\n' "$*"; }

missing_packages() {
    for package in "${debian_packages[@]}"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
    done
}

install_packages() {
    local missing sudo=()
    mapfile -t missing < <(missing_packages)
    ((${#missing[@]})) || return 0
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" \
        >"$tools/apt.log" 2>&1 || { cat "$tools/apt.log"; return 1; }
}

install_python_tools() {
    [ -x "$tools/venv/bin/python" ] || python3 -m venv "$tools/venv"
    "$tools/venv/bin/pip" install -q --disable-pip-version-check -r tests/requirements.txt
}

mkdir -p "$tools"
if [ "${1:-}" != --quick ]; then
    step "tools: ${debian_packages[*]}, and Python's in $tools/venv"
    install_packages
    install_python_tools
    export PATH="$tools/venv/bin:$PATH:/usr/sbin"
fi

step "format"
cargo fmt --all --check

step "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings
cargo clippy -p lightsout-collector --no-default-features --locked -- -D warnings

step "tests"
cargo test --workspace --locked
