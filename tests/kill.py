#!/usr/bin/env python3
"""Kills lightsout (SIGKILL) again and again while it polls, keeps and forwards, and shows that nothing is lost.

Mock devices, the real program with a buffer on disk, and a receiver of OTLP that counts: it takes requests in some
rounds, refuses them in others and resets connections in the rest. Before each kill `/metrics` says which polls the
program has finished. In the end every one of those polls has arrived, whole; no sample came that was not measured; and
no sample came with two values. A second receiver gets one sample for each few seconds: the last of them, whatever kill
fell into them.

    tests/kill.py [--programs FOLDER] [--rounds 15]
"""

import argparse
import collections
import http.server
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from ports import free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEVICES = 5
RECORDING = ROOT / "mocks/recordings/pole-sensor.snmprec"
UP = "oob.device.up"
LAST = "oob.device.last_success.timestamp"
# Between a scrape and the kill: what a scrape shows was handed to the buffer before, whose thread writes it at once.
WRITTEN = 0.3
# What becomes one sample for the second receiver: longer than a start and the kill after it.
STRETCH = 7
# How long the program may take to poll all devices, and to drain.
PATIENCE = 60

CONFIG = """\
site: {{name: kill}}
web: {{listen: "{web}"}}
defaults: {{interval: 1s, timeout: 900ms}}
state_dir: state
buffer: {{clock_floor: 2026-01-01}}
credentials: {{public: {{type: snmp_v2c, community_env: KILL_COMMUNITY}}}}
destinations:
  - {{name: counting, type: otlp, url: "http://{receiver}/v1/metrics", compression: none, order: {order}}}
  - name: thinned
    type: otlp
    url: "http://{thinned}/v1/metrics"
    compression: none
    order: {order}
    thin: [{{every: {stretch}s, value: last}}]
targets:
"""


def attributes(pairs):
    return tuple(sorted((pair.key, pair.value.string_value) for pair in pairs))


class Receiver:
    """Samples by series and time, with every value that came for them."""

    def __init__(self):
        self.samples = collections.defaultdict(set)
        self.twice = self.requests = 0
        self.mood = "takes"
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if outer.mood == "resets":
                    return self.connection.close()
                if outer.mood == "takes":
                    outer.take(body)
                self.send_response(200 if outer.mood == "takes" else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, body):
        self.requests += 1
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            device = attributes(resource.resource.attributes)
            for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                data = getattr(metric, metric.WhichOneof("data"))
                for point in data.data_points:
                    key = (metric.name, device, attributes(point.attributes), point.time_unix_nano)
                    self.twice += key in self.samples
                    self.samples[key].add(getattr(point, point.WhichOneof("value")))

    def address(self):
        return f"127.0.0.1:{self.server.server_port}"


def finished(web):
    """Times of the last polls, by device, as `/metrics` tells them."""
    try:
        with urllib.request.urlopen(f"http://{web}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        return {}
    found = re.findall(r'^oob_device_last_success_timestamp_seconds\{.*host_name="([^"]+)".*\} (\S+)$', text, re.M)
    return {host: float(seconds) for host, seconds in found}


def until(condition):
    """What it gives once that is something, or what it gives when patience has ended."""
    end = time.monotonic() + PATIENCE
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return value


def wait_for(what, condition):
    return until(condition) or sys.exit(f"{what}: not within {PATIENCE} s")


def play(folder, programs, rounds, order, started):
    seed = random.Random(rounds)
    receiver, thinned = Receiver(), Receiver()
    web = f"127.0.0.1:{free_port()}"
    agents = subprocess.Popen(
        [programs / "lightsout-mock", "snmp", f"--recording={RECORDING}", "--fleet", str(DEVICES), "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE, text=True)
    started.append(agents)
    text = CONFIG.format(web=web, receiver=receiver.address(), thinned=thinned.address(), stretch=STRETCH, order=order)
    for number in range(DEVICES):
        address = agents.stdout.readline().split()[0]
        text += f'  - {{name: device-{number}, address: "{address}", protocol: snmp, credentials: public}}\n'
    (folder / "lightsout.yml").write_text(text)
    command = [programs / "lightsout", "run", "--config", folder / "lightsout.yml"]
    done = set()
    for number in range(rounds + 1):
        last = number == rounds
        for each in (receiver, thinned):
            each.mood = "takes" if last else seed.choice(["takes", "refuses", "resets"])
        program = subprocess.Popen(command, env={"KILL_COMMUNITY": "public"}, stderr=(folder / "log").open("a"))
        started.append(program)
        wait_for("all devices polled", lambda: len(finished(web)) == DEVICES)
        time.sleep(seed.random())
        done |= set(finished(web).items())
        time.sleep(WRITTEN)
        if not last:
            program.kill()
            program.wait()
    arrived = lambda: {(dict(key[1]).get("host.name"), next(iter(values))) for key, values in receiver.samples.copy().items() if key[0] == LAST}
    wait_for("every finished poll", lambda: done <= arrived()) if done else sys.exit("no poll was seen")
    # At the end a program sends what is newest, of the present stretch too, and leaves a backlog for the next start: what
    # the kills left of the stretches before is waited for.
    present = time.time() // STRETCH
    until(lambda: not missing(receiver, thinned, present))
    program.terminate()
    code = program.wait(20)
    return receiver, thinned, done, code


def stretches(samples):
    """The newest time of each series in each stretch."""
    newest = {}
    for name, device, own, at in samples:
        key = name, device, own, at // (STRETCH * 10**9)
        newest[key] = max(at, newest.get(key, 0))
    return newest


def missing(receiver, thinned, before=float("inf")):
    """Stretches before one whose newest samples the second receiver lacks."""
    newest, arrived = (stretches(each.samples.copy()) for each in (receiver, thinned))
    return [key for key, at in newest.items() if key[-1] < before and arrived.get(key) != at]


def judge(receiver, thinned, done, code):
    wrong = [] if code == 0 else [f"the program ended with {code}"]
    wrong += [f"two values of one sample: {key} {values}" for key, values in receiver.samples.items() if len(values) > 1]
    names = collections.defaultdict(set)
    for name, device, own, at in receiver.samples:
        names[dict(device).get("host.name"), at].add((name, own))
    # A poll is two reports of one time: what was read, and what is known of the device.
    whole = {host: max((len(series) for (each, _), series in names.items() if each == host), default=0) for host, _ in done}
    for host, seconds in done:
        at = round(seconds * 1e3) * 1_000_000
        if len(names[host, at]) < whole[host] - 2:
            wrong.append(f"{host} at {seconds}: {len(names[host, at])} of {whole[host]} samples")
    for key, values in thinned.samples.items():
        if not values <= receiver.samples.get(key, set()):
            wrong.append(f"thinned to what was not measured: {key} {values}")
    wrong += [f"{key}: the last of its time did not arrive" for key in missing(receiver, thinned)]
    for name, device, own, at in receiver.samples:
        if at > time.time_ns():
            wrong.append(f"from the future: {name} {device} {at}")
    return wrong


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--programs", type=pathlib.Path, default=ROOT / "target/debug", help="folder of the programs")
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--order", choices=["in_order", "live_first"], default="live_first")
    chosen = arguments.parse_args()
    started = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            played = play(pathlib.Path(folder), chosen.programs, chosen.rounds, chosen.order, started)
        finally:
            for process in started:
                process.kill()
                process.wait()
    wrong = judge(*played)
    print(*wrong[:20], sep="\n")
    receiver, thinned, done, _ = played
    print(f"{chosen.rounds} kills, {len(done)} polls seen before them, {len(receiver.samples)} samples arrived, "
          f"{receiver.twice} of them again, {len(thinned.samples)} for {STRETCH} s each, {len(wrong)} mistakes")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
