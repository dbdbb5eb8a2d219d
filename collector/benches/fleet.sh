#!/usr/bin/env bash
# A fleet of mock SNMP devices, polled every 30 s and scraped as often: what does it cost the collector?
#
#   collector/benches/fleet.sh [COUNT [SECONDS [RECORDING...]]]
#
# Builds the release programs, runs them for SECONDS and prints memory, processor time for each poll,
# overruns and errors of the collector alone; the mock is another process. The first third of the time
# warms up and isn't counted. Fails over 150 MB (143 MiB) or with an overrun, a fault or a target that is down.
set -euo pipefail
cd "$(dirname "$0")/../.."

count="${1:-2000}" seconds="${2:-120}"
shift $(($# < 2 ? $# : 2))
recordings=("${@:-mocks/recordings/rack-pdu.snmprec}")
first_port=20000 web=127.0.0.1:19808 limit_mb=150

# Each mock device has a socket of its own.
ulimit -n "$(ulimit -Hn)"

[ -n "${FLEET_NO_BUILD:-}" ] || cargo build --release --locked -p lightsout-collector -p lightsout-mocks
bin="${CARGO_TARGET_DIR:-target}/release"
work="$(mktemp -d)"
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$work"' EXIT

"$bin/lightsout-mock" snmp --listen "127.0.0.1:$first_port" --fleet "$count" "${recordings[@]/#/--recording=}" \
    >"$work/agents" 2>"$work/mock.log" &
mock=$!
pids+=("$mock")

{
    printf 'site: {name: bench}\nweb: {listen: "%s"}\n' "$web"
    printf 'defaults: {interval: 30s}\ncredentials: {public: {type: snmp_v2c, community_env: FLEET_COMMUNITY}}\ntargets:\n'
    for ((i = 0; i < count; i++)); do
        printf '  - {name: device-%05d, address: "127.0.0.1:%d", protocol: snmp, credentials: public, rack: r%d, device_type: pdu}\n' \
            "$i" $((first_port + i)) $((i / 40))
    done
} >"$work/lightsout.yml"
until [ "$(wc -l <"$work/agents")" -eq "$count" ]; do
    kill -0 "$mock" || { cat "$work/mock.log"; exit 1; }
    sleep 0.2
done

FLEET_COMMUNITY=public "$bin/lightsout" run --config "$work/lightsout.yml" >"$work/log" 2>&1 &
collector=$!
pids+=("$collector")

ticks_per_second="$(getconf CLK_TCK)"
cpu() { awk -v hz="$ticks_per_second" '{ sub(/.*\) /, ""); print ($12 + $13) / hz }' "/proc/$1/stat"; }
memory() { awk -v key="$1:" '$1 == key { print $2 * 1024 / 1e6 }' "/proc/$collector/status"; }
scrape() { curl -sSf --max-time 30 "http://$web/metrics" -o "$work/metrics"; }
# Sum of all series of a family.
total() { awk -v name="$1" 'index($0, name "{") == 1 || index($0, name " ") == 1 { sum += $NF } END { print sum + 0 }' "$work/metrics"; }

scrape_for() {
    local until=$((SECONDS + $1))
    while ((SECONDS < until)); do
        sleep $((until - SECONDS < 30 ? until - SECONDS : 30))
        kill -0 "$collector" || { tail -5 "$work/log"; exit 1; }
        scrape
    done
}

scrape_for $((seconds / 3))
cpu_before="$(cpu "$collector")" mock_before="$(cpu "$mock")" polls_before="$(total oob_poll_duration_seconds_count)"
scrape_for $((seconds - seconds / 3))
cpu_after="$(cpu "$collector")" mock_after="$(cpu "$mock")" polls_after="$(total oob_poll_duration_seconds_count)"

resident="$(memory VmRSS)" peak="$(memory VmHWM)" up="$(total oob_device_up)" overruns="$(total oob_poll_overruns_total)"
errors="$(total oob_poll_errors_total)" rejected="$(total oob_readings_rejected_total)"
series="$(grep -vc '^#' "$work/metrics")"
awk -v count="$count" -v up="$up" -v series="$series" -v resident="$resident" -v peak="$peak" -v overruns="$overruns" \
    -v errors="$errors" -v rejected="$rejected" -v limit="$limit_mb" -v polls=$((polls_after - polls_before)) \
    -v cpu_before="$cpu_before" -v cpu_after="$cpu_after" -v mock_before="$mock_before" -v mock_after="$mock_after" 'BEGIN {
    if (polls == 0) { print "no poll was counted"; exit 1 }
    cpu = cpu_after - cpu_before
    printf "targets up          %d of %d\n", up, count
    printf "series served       %d\n", series
    printf "resident            %.1f MB, at most %.1f MB (%.0f bytes for each series)\n", resident, peak, resident * 1e6 / series
    printf "processor time      %.2f ms for each of %d polls, scrapes included (%.1f s; the mock %.1f s)\n", cpu * 1000 / polls, polls, cpu, mock_after - mock_before
    printf "overruns            %d\n", overruns
    printf "errors of polls     %d; readings dropped %d\n", errors, rejected
    exit !(up == count && overruns == 0 && errors == 0 && peak < limit)
}'
