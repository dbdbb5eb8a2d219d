#!/usr/bin/env bash
# Builds all fuzz targets once and runs each for some seconds, from seeds that are in this repository.
#
#   fuzz/run.sh [SECONDS [TARGET...]]      10 s each unless told otherwise
#
# Needs cargo (stable) and a C++ compiler, which builds libFuzzer. What is found new is kept in
# fuzz/corpus/TARGET for the next run; a crash leaves its input in fuzz/artifacts/TARGET and ends the
# run with an error.
set -euo pipefail
cd "$(dirname "$0")"

seconds="${1:-10}"
shift $(($# < 1 ? $# : 1))
targets=("$@")
((${#targets[@]})) || mapfile -t targets < <(basename -s .rs targets/*.rs)

RUSTC_WRAPPER="$PWD/rustc.sh" cargo build --release --locked --target-dir "${FUZZ_TARGET_DIR:-target}"
bin="${FUZZ_TARGET_DIR:-target}/release"

# The files of the repository that a target starts from.
seeds() {
    case "$1" in
    yaml) echo ../lightsout.example.yml ../collector/profiles/*/profile.yaml ;;
    recording) echo ../collector/profiles/*/recording.snmprec ;;
    redfish_body) echo ../mocks/trees/*/*.json ;;
    esac
    [ ! -d "seeds/$1" ] || echo "seeds/$1"/*
}

for target in "${targets[@]}"; do
    corpus="corpus/$target" artifacts="artifacts/$target"
    mkdir -p "$corpus" "$artifacts"
    for seed in $(seeds "$target"); do
        cp "$seed" "$corpus/$(sha1sum <"$seed" | cut -c1-40)"
    done
    log="$artifacts/log"
    if ! "$bin/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -artifact_prefix="$artifacts/" -print_final_stats=1 "$corpus" >"$log" 2>&1; then
        tail -40 "$log"
        echo "$target: failed; the input is in fuzz/$artifacts" >&2
        exit 1
    fi
    awk -v target="$target" '/number_of_executed_units/ { runs = $2 } / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") cov = $(i + 1) }
        END { if (runs == 0) { print target ": no runs"; exit 1 } printf "%-20s %9d runs, %6d edges covered\n", target, runs, cov }' "$log"
done
