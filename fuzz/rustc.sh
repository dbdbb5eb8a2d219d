#!/bin/sh
# Runs the compiler; what is to be fuzzed is instrumented for libFuzzer, and nothing else, so that the
# build stays short. `cargo-fuzz` isn't needed: stable Rust has the pass.
compiler="$1"
shift
# By package and crate: build scripts, which carry the name of their package, run without libFuzzer.
case "${CARGO_PKG_NAME:-}/${CARGO_CRATE_NAME:-}" in
*/build_script_*) ;;
lightsout-collector/* | lightsout-exporters/* | lightsout-model/* | granit-parser/* | async-snmp/*)
    set -- "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares
    ;;
esac
exec "$compiler" "$@"
