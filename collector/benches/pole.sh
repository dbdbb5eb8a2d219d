#!/usr/bin/env bash
# The collector of one pole: about 300 series, a buffer on disk, and a destination that does not answer. How much
# memory does the whole process take?
#
#   collector/benches/pole.sh [SECONDS]      900 s unless told otherwise
#
# Devices are polled every second, so that the buffer fills 30 times faster than on a pole: within 13 minutes a segment
# is full, when it takes most memory, and is sealed. Beside it Debian's Prometheus in agent mode and vmagent scrape the
# same metrics as often, with their receivers down: their memory is for comparison, and lacks what polls the devices.
# Each process is measured as its pages of its own (anonymous) and those of files, which the kernel takes back when it
# needs them.
# Fails over 15 MB. Measures what is shipped to a pole, one static file, for which it needs Debian's musl-tools and
# `rustup target add`; PROFILE=release TARGET= measures another build. Needs Debian's prometheus and victoria-metrics.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds="${1:-900}" profile="${PROFILE:-dist}" target="${TARGET-$(uname -m)-unknown-linux-musl}"
first_port=22000 web=127.0.0.1:19810 nobody=127.0.0.1:9 limit_mb=15
recordings=(pole-sensor.snmprec pole-sensor.snmprec ups.snmprec switch.snmprec)
for tool in prometheus vmagent; do
    command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 1; }
done

[ -n "${POLE_NO_BUILD:-}" ] || cargo build --profile "$profile" ${target:+--target "$target"} --locked -p lightsout-collector -p lightsout-mocks
bin="${CARGO_TARGET_DIR:-target}${target:+/$target}/$profile"
work="$(mktemp -d)"
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$work"' EXIT

"$bin/lightsout-mock" snmp --listen "127.0.0.1:$first_port" --fleet "${#recordings[@]}" \
    "${recordings[@]/#/--recording=mocks/recordings/}" >"$work/agents" 2>"$work/mock.log" &
pids+=("$!")
until [ "$(wc -l <"$work/agents")" -eq "${#recordings[@]}" ]; do
    kill -0 "${pids[0]}" || { cat "$work/mock.log"; exit 1; }
    sleep 0.2
done

{
    printf 'site: {name: pole-1, kind: pole}\nweb: {listen: "%s"}\ndefaults: {interval: 1s}\nstate_dir: state\n' "$web"
    printf 'buffer: {clock_floor: 2026-01-01}\n'
    printf 'destinations: [{name: down, type: remote_write, url: "http://%s/write"}]\n' "$nobody"
    printf 'credentials: {public: {type: snmp_v2c, community_env: POLE_COMMUNITY}}\ntargets:\n'
    for i in "${!recordings[@]}"; do
        printf '  - {name: device-%d, address: "127.0.0.1:%d", protocol: snmp, credentials: public, device_type: sensor}\n' \
            "$i" $((first_port + i))
    done
} >"$work/lightsout.yml"
POLE_COMMUNITY=public "$bin/lightsout" run --config "$work/lightsout.yml" >"$work/log" 2>&1 &
ours=$!

cat >"$work/scrape.yml" <<EOF
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs: [{job_name: pole, static_configs: [{targets: ["$web"]}]}]
EOF
{ cat "$work/scrape.yml"; printf 'remote_write: [{url: "http://%s/write"}]\n' "$nobody"; } >"$work/agent.yml"
prometheus --enable-feature=agent --config.file="$work/agent.yml" --storage.agent.path="$work/agent" \
    --web.listen-address=127.0.0.1:19811 >"$work/agent.log" 2>&1 &
agent=$!
vmagent -promscrape.config="$work/scrape.yml" -remoteWrite.url="http://$nobody/write" \
    -remoteWrite.tmpDataPath="$work/vmagent" -httpListenAddr=127.0.0.1:19812 >"$work/vmagent.log" 2>&1 &
vmagent=$!
pids+=("$ours" "$agent" "$vmagent")

megabytes() { awk -v key="$2:" '$1 == key { printf "%.1f", $2 * 1024 / 1e6 }' "/proc/$1/status"; }
row() {
    kill -0 "$2" || { echo "$1 has ended" >&2; tail -5 "$work"/*log >&2; exit 1; }
    printf '%-18s %6s MB, at most %6s MB: own %6s, files %6s\n' "$1" "$(megabytes "$2" VmRSS)" "$(megabytes "$2" VmHWM)" \
        "$(megabytes "$2" RssAnon)" "$(megabytes "$2" RssFile)"
}
sleep "$seconds"
curl -sSf "http://$web/metrics" -o "$work/metrics"
printf '%d series, %s samples wait\n' "$(grep -vc '^#' "$work/metrics")" \
    "$(awk '/^oob_buffer_entries[ {]/ { sum += $NF } END { printf "%d", sum }' "$work/metrics")"
row "lightsout" "$ours"
row "Prometheus agent" "$agent"
row "vmagent" "$vmagent"
awk -v peak="$(megabytes "$ours" VmHWM)" -v limit="$limit_mb" 'BEGIN { exit !(peak <= limit) }' ||
    { echo "more than $limit_mb MB" >&2; exit 1; }
