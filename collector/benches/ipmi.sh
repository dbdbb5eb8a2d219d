#!/usr/bin/env bash
# A fleet of mock BMCs with 60 sensors each, polled every 30 s; then one BMC polled by this program and by
# Prometheus's ipmi_exporter, side by side. What does it cost?
#
#   collector/benches/ipmi.sh [COUNT [SECONDS]]      1000 BMCs for 120 s unless told otherwise
#
# The first part prints memory, processor time for each poll, overruns and errors of the collector alone; the
# first third of the time warms up and isn't counted. The second polls OpenIPMI's ipmi_sim, with 60 sensors too,
# and counts the exporter's children with it. What this program does besides polling - timers, scrapes, its own
# metrics - is counted too, so both poll about as often as they can: the exporter one poll after the other, this
# program every 2 s at its default budget of 50 requests a second, and every second at 1,000, which is nearer to
# the exporter's way of asking without a pause. Fails over 100 MB or with an overrun, a fault or a BMC that is down.
# Needs Debian's openipmi, freeipmi-tools, prometheus-ipmi-exporter and curl.
set -euo pipefail
cd "$(dirname "$0")/../.."

count="${1:-1000}" seconds="${2:-120}"
first_port=21000 web=127.0.0.1:19809 exporter_web=127.0.0.1:19290 sim_port=20999 limit_mb=100 scrapes=30
for tool in ipmi_sim sdrcomp ipmi-sensors prometheus-ipmi-exporter curl; do
    PATH="$PATH:/usr/sbin" command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 1; }
done
export PATH="$PATH:/usr/sbin"

# Each mock BMC has a socket of its own.
ulimit -n "$(ulimit -Hn)"

[ -n "${FLEET_NO_BUILD:-}" ] || cargo build --release --locked -p lightsout-collector -p lightsout-mocks
bin="${CARGO_TARGET_DIR:-target}/release"
work="$(mktemp -d)"
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$work"' EXIT

# Nanoseconds on a processor, of all threads.
cpu() { cat "/proc/$1/task/"*/schedstat | awk '{ sum += $1 } END { printf "%.0f\n", sum }'; }
# The same of a process and its children that have ended, by the clock's ticks.
cpu_with_children() {
    awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%.0f\n", ($12 + $13 + $14 + $15) * 1e9 / hz }' "/proc/$1/stat"
}
memory() { awk -v key="$2:" '$1 == key { print $2 * 1024 / 1e6 }' "/proc/$1/status"; }
scrape() { curl -sSf --max-time 30 "http://$web/metrics" -o "$work/metrics"; }
# Errors of polls by cause.
causes() { sed -nE 's/^oob_poll_errors_total\{.*error_type="([a-z_]+)".* ([0-9]+)$/\1 \2/p' "$work/metrics" | awk '$2 { sum[$1] += $2 } END { for (cause in sum) print cause, sum[cause] }'; }
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

# A configuration for one interval, user and budget; the targets come on standard input as NAME PORT.
configuration() {
    printf 'site: {name: bench}\nweb: {listen: "%s"}\n' "$web"
    printf 'defaults: {interval: %s, budget: {requests_per_second: %d}}\n' "$1" "$3"
    printf 'credentials: {bmc: {type: password, user: %s, password_env: BENCH_PASSWORD}}\ntargets:\n' "$2"
    while read -r name port; do
        printf '  - {name: %s, address: "127.0.0.1:%d", protocol: ipmi, credentials: bmc, device_type: server}\n' "$name" "$port"
    done
}

start_collector() {
    BENCH_PASSWORD="$1" "$bin/lightsout" run --config "$work/lightsout.yml" >"$work/log" 2>&1 &
    collector=$!
    pids+=("$collector")
}

fleet() {
    "$bin/lightsout-mock" ipmi --bmc mocks/bmcs/sixty.json --listen "127.0.0.1:$first_port" --fleet "$count" \
        >"$work/agents" 2>"$work/mock.log" &
    mock=$!
    pids+=("$mock")
    for ((i = 0; i < count; i++)); do echo "bmc-$i $((first_port + i))"; done | configuration 30s monitor 50 >"$work/lightsout.yml"
    until [ "$(wc -l <"$work/agents")" -eq "$count" ]; do
        kill -0 "$mock" || { cat "$work/mock.log"; exit 1; }
        sleep 0.2
    done
    start_collector monitor
    scrape_for $((seconds / 3))
    local cpu_before polls_before
    cpu_before="$(cpu "$collector")" polls_before="$(total oob_poll_duration_seconds_count)"
    scrape_for $((seconds - seconds / 3))
    local polls=$(($(total oob_poll_duration_seconds_count) - polls_before)) used=$(($(cpu "$collector") - cpu_before))
    awk -v count="$count" -v up="$(total oob_device_up)" -v series="$(grep -vc '^#' "$work/metrics")" -v polls="$polls" \
        -v resident="$(memory "$collector" VmRSS)" -v peak="$(memory "$collector" VmHWM)" -v used="$used" -v limit="$limit_mb" \
        -v overruns="$(total oob_poll_overruns_total)" -v errors="$(total oob_poll_errors_total)" 'BEGIN {
        if (polls == 0) { print "no poll was counted"; exit 1 }
        printf "BMCs up             %d of %d, %d series\n", up, count, series
        printf "resident            %.1f MB, at most %.1f MB\n", resident, peak
        printf "processor time      %.2f ms for each of %d polls, scrapes included\n", used / 1e6 / polls, polls
        printf "overruns            %d\nerrors of polls     %d\n", overruns, errors
        exit !(up == count && overruns == 0 && errors == 0 && peak < limit)
    }' || { causes; exit 1; }
    kill "$collector" "$mock"
    wait "$collector" "$mock" || true
}

# A BMC of OpenIPMI with 60 temperatures that have six thresholds each.
simulator() {
    local state="$work/state/ipmi_sim/bench"
    mkdir -p "$state"
    cat >"$work/lan.conf" <<EOF
name "bench"
set_working_mc 0x20
startlan 1
  addr 127.0.0.1 $sim_port
  priv_limit admin
  allowed_auths_callback none md2 md5 straight
  allowed_auths_user none md2 md5 straight
  allowed_auths_operator none md2 md5 straight
  allowed_auths_admin none md2 md5 straight
  guid a123456789abcdefa123456789abcdef
endlan
startnow false
user 2 true "monitor" "monitor" admin 10 none md2 md5 straight
EOF
    {
        printf 'mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\nsel_enable 0x20 1000 0x0a\n'
        for ((n = 1; n <= 60; n++)); do
            printf 'sensor_add 0x20 0 %d 0x01 0x01\nsensor_set_value 0x20 0 %d %d 0\n' "$n" "$n" $((20 + n))
            printf 'sensor_set_threshold 0x20 0 %d settable 111111 0xf0 0xe0 0xd0 0x10 0x08 0x04\n' "$n"
            printf 'sensor_set_event_support 0x20 0 %d enable scanning per-state' "$n"
            printf ' 000111111111111%.0s' 1 2 3 4
            printf '\n'
        done
        echo 'mc_enable 0x20'
    } >"$work/sim.emu"
    for ((n = 1; n <= 60; n++)); do
        printf 'sdr type 1\nsensor_owner_id 0x20\nsensor_owner_lun 0\nchannel_number 0\nsensor_number %d\n' "$n"
        printf 'entity_id system_board\nentity_instance 1\nsensor_type Temperature\ninit_scanning true\n'
        printf 'init_sensor_type true\ndefault_sensor_scan_on true\nevent_reading_type_code 1\n'
        printf 'analog_data_format unsigned\nrate_unit none\nmodifier_unit none\npercentage false\n'
        printf 'base_unit degrees_C\nmodifier_unit_code unspecified\nlinearization linear\nm 1\ntolerance 0\nb 0\n'
        printf 'accuracy 1\naccuracy_exp 0\nsensor_direction input\nr_exp 0\nb_exp 0\nsensor_maximum 255\n'
        printf 'sensor_minimum 0\nid_string "Temp %02d"\nendsdr\n' "$n"
    done >"$work/sim.sdrs"
    sdrcomp -o "$state/sdr.20.main" "$work/sim.sdrs"
    # It ends when its console does.
    mkfifo "$work/console"
    ipmi_sim -c "$work/lan.conf" -f "$work/sim.emu" -n -s "$work/state" <"$work/console" >"$work/sim.log" 2>&1 &
    pids+=("$!")
    exec 9>"$work/console"
}

# ipmi_sim makes its keys with the privilege level of the Open Session Request: FreeIPMI has to be told.
start_exporter() {
    cat >"$work/exporter.yml" <<EOF
modules:
  default:
    user: monitor
    pass: monitor
    driver: LAN_2_0
    privilege: user
    workaround_flags: [opensesspriv]
    timeout: 10000
    collectors: [bmc, ipmi, chassis, sel]
EOF
    HOME="$work" prometheus-ipmi-exporter --web.listen-address="$exporter_web" --config.file="$work/exporter.yml" \
        >"$work/exporter.log" 2>&1 &
    exporter=$!
    pids+=("$exporter")
}

# Scrapes the exporter as often as it is told; each scrape is a poll of the BMC.
ask_exporter() {
    for ((i = 0; i < $1; i++)); do
        curl -sSf --max-time 30 "http://$exporter_web/ipmi?target=127.0.0.1:$sim_port" -o "$work/exported"
    done
}

# Polls the simulator as often and as fast as told, and prints what a poll takes beside the exporter's.
ours() {
    echo "sim $sim_port" | configuration "$1" monitor "$2" >"$work/lightsout.yml"
    start_collector monitor
    scrape_for 20
    local before polls used
    before="$(cpu "$collector")" polls="$(total oob_poll_duration_seconds_count)"
    scrape_for 120
    polls=$(($(total oob_poll_duration_seconds_count) - polls))
    used=$((($(cpu "$collector") - before) / polls))
    kill "$collector"
    wait "$collector" || true
    awk -v used="$used" -v theirs="$theirs" -v polls="$polls" -v interval="$1" -v rate="$2" \
        -v read="$(grep -c '^hw_temperature_celsius{' "$work/metrics")" 'BEGIN {
        printf "this program        %.2f ms for each of %d polls, every %s at %d requests a second: ratio %.0f\n", \
            used / 1e6, polls, interval, rate, theirs / used
        exit !(read >= 60)
    }'
}

beside() {
    simulator
    start_exporter
    sleep 2
    ask_exporter 2
    local before theirs
    before="$(cpu_with_children "$exporter")"
    ask_exporter "$scrapes"
    theirs=$((($(cpu_with_children "$exporter") - before) / scrapes))
    awk -v theirs="$theirs" -v scrapes="$scrapes" \
        -v exported="$(grep -c '^ipmi_temperature_celsius{' "$work/exported")" 'BEGIN {
        printf "the exporter        %.2f ms for each of %d polls, its children included\n", theirs / 1e6, scrapes
        exit !(exported >= 60)
    }'
    ours 2s 50
    ours 1s 1000
}

fleet
beside
