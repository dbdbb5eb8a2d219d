#!/bin/sh
# Tries the Redfish mock with DMTF's own validators (PyPI: redfish-protocol-validator, redfish-service-validator).
#
#   mocks/tests/validators.sh CSDL_FOLDER
#
# CSDL_FOLDER holds the DSP8010 schema files (`csdl/` of the DMTF/Redfish-Publications repository): nothing
# is downloaded but the validators. Needs cargo and python3 with venv. Fails on any failure that is not
# listed below, and on one that is listed and no longer happens.
set -eu

schemas=$(cd "${1:?folder with the CSDL schema files}" && pwd)
cd "$(dirname "$0")/../.."
# the mock writes to nothing, so it cannot pass what a PATCH of an array should do
expected="REQ_PATCH_ARRAY_ELEMENT_REMOVE
REQ_PATCH_ARRAY_ELEMENT_UNCHANGED
REQ_PATCH_ARRAY_TRUNCATE"

work=$(mktemp -d)
mocks=""
trap 'for mock in $mocks; do kill "$mock" || true; done; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet redfish-protocol-validator==1.3.2 redfish-service-validator==3.1.8

cargo build --quiet -p lightsout-mocks
program=${CARGO_TARGET_DIR:-target}/debug/lightsout-mock
echo right >"$work/password"

# start TREE PORT ARGUMENT...: a mock in the background
start() {
    tree=$1 port=$2
    shift 2
    : >"$work/$tree.$port.log"
    NO_COLOR=1 "$program" redfish --tree "$tree" --listen "127.0.0.1:$port" --user admin \
        --password-file "$work/password" --sessions 32 "$@" 2>"$work/$tree.$port.log" &
    mocks="$mocks $!"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        grep -q serving "$work/$tree.$port.log" && return
        sleep 0.5
    done
    cat "$work/$tree.$port.log" >&2
    exit 1
}

for tree in server pdu; do
    port=18440
    [ "$tree" = pdu ] && port=18441
    start "$tree" "$port" --plain
    echo "== redfish-service-validator: $tree"
    (cd "$work" && "$work/venv/bin/rf_service_validator" --rhost "http://127.0.0.1:$port" --user admin \
        --password right --authtype Session --schema_directory "$schemas" --skipschema \
        --logdir "$work/logs-$tree") >"$work/$tree.out" 2>&1 || true
    grep -h -- '- FAIL -' "$work/logs-$tree"/*/*.log && exit 1
    grep -A2 NOT "$work/$tree.out" || { cat "$work/$tree.out"; exit 1; }
done

start server 18442
echo "== redfish-protocol-validator"
# these two would turn the check of the self-signed certificate on again
unset REQUESTS_CA_BUNDLE CURL_CA_BUNDLE
(cd "$work" && "$work/venv/bin/rf_protocol_validator" --rhost https://127.0.0.1:18442 --no-cert-check \
    --user admin --password right --avoid-http-redirect --report-type tsv --report-dir "$work/report" \
    --log-level CRITICAL) >"$work/protocol.out" 2>&1 || true
grep Summary "$work/protocol.out" || { cat "$work/protocol.out"; exit 1; }
awk -F '\t' '$5 == "FAIL" { print $1 }' "$work"/report/*.tsv | sort -u >"$work/failed"
echo "$expected" | sort -u | diff - "$work/failed" || {
    echo "other failures than expected (< expected, > happened):" >&2
    grep "FAIL" "$work"/report/*.tsv >&2
    exit 1
}
echo "as expected"
