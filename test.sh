#!/usr/bin/env bash
# All tests, with everything they need: Debian packages, Python tools in a virtual environment, the
# Rust checks, then the program against real peers. Fails when a tool is missing; skips nothing but the
# recordings of real devices, and says so where they are not at hand.
set -euo pipefail
cd "$(dirname "$0")"

tools="$PWD/target/test-tools"
debian_packages=(snmp snmpd ipmitool freeipmi-tools openipmi prometheus prometheus-alertmanager victoria-metrics systemd libseccomp2 python3-venv curl g++)
captures="${LIGHTSOUT_CAPTURES:-$PWD/../shared/captures}"

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
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "${missing[@]}" >"$tools/apt.log" 2>&1 || { cat "$tools/apt.log"; return 1; }
}

install_python_tools() {
    [ -x "$tools/venv/bin/python" ] || python3 -m venv "$tools/venv"
    "$tools/venv/bin/pip" install -q --disable-pip-version-check -r tests/requirements.txt
}

# The examples as `cargo test` has built them: building them alone would build their dependencies anew.
example() {
    "${CARGO_TARGET_DIR:-target}/debug/examples/$1" "${@:2}"
}

step "tools: ${debian_packages[*]}, and Python's in $tools/venv"
mkdir -p "$tools"
install_packages
install_python_tools
export PATH="$tools/venv/bin:$PATH:/usr/sbin"
export PYTHON="$tools/venv/bin/python" SNMPSIM="$tools/venv/bin/snmpsim-command-responder"

step "format"
cargo fmt --all --check

step "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings
cargo clippy --workspace --all-targets --no-default-features --locked -- -D warnings

step "alert rules"
promtool check rules alert-rules/*.yml
promtool test rules alert-rules/tests/*.test.yml
amtool check-config alert-rules/alertmanager/alertmanager.example.yml
"$PYTHON" alert-rules/check.py
"$PYTHON" alert-rules/inhibit.py
"$PYTHON" alert-rules/mutate.py

step "dashboards: what their definitions say, what Grafana takes, metrics of the catalogue"
"$PYTHON" dashboards/check.py

step "build of the tests"
cargo test --workspace --locked --no-run

step "conformance: recordings of real devices"
if [ -d "$captures" ]; then
    example conformance "$captures" --floor
    example redfish_conformance "$captures/redfish" --floor
else
    echo "left out: no recordings in $captures"
fi

# What waits far more than it computes runs beside the rest, and before it where both want the processor: a mock that
# answers late looks dead.
programs="${CARGO_TARGET_DIR:-target}/debug"
beside=(alerts dashboards kill service)
pids=()
for name in "${beside[@]}"; do
    "$PYTHON" "tests/$name.py" --programs "$programs" >"$tools/$name.log" 2>&1 &
    pids+=("$!")
done
outcome=0

step "fuzz targets, some seconds each; beside them and the tests the programs together: ${beside[*]}"
nice fuzz/run.sh 2 || outcome=1

step "tests"
# More at once than there are processors: most wait for a device that answers late, or not at all.
RUST_TEST_THREADS=6 nice cargo test --workspace --locked || outcome=1
for i in "${!beside[@]}"; do
    wait "${pids[i]}" || outcome=1
    step "${beside[i]}"
    cat "$tools/${beside[i]}.log"
done
exit "$outcome"
