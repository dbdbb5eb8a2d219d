#!/usr/bin/env python3
"""Plays every scenario of the mocks and shows that the right alert, and only it, reaches the one who is told.

The whole way is real: mock devices, lightsout, Prometheus with the rules of alert-rules/, Alertmanager with its
example, a webhook here. Each scenario has a facility and a lightsout of its own, and its name before its site; all
share one Prometheus and one Alertmanager. Time goes SPEED times faster than life: every duration of the rules and of
Alertmanager's configuration is divided by it, and nothing else of them is changed.

    tests/alerts.py [--programs FOLDER] [--rules FOLDER] [SCENARIO ...]
"""

import argparse
import contextlib
import http.server
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

import yaml

from ports import free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent
SPEED = 10
# Seconds between scrapes and between evaluations: 30 s of life.
INTERVAL = 3
# Seconds between polls, and that a device may take to answer: mocks on a busy machine are slow.
POLL = 5
# Seconds before anything happens, once every device is up: every rule has seen how it was.
QUIET = 15
# Seconds that are watched after a scenario has ended: alerts that were kept quiet must not speak up then.
AFTER = 60
# A scenario's seconds, and as many again for busy machines.
LONGEST = 2 * 920 / SPEED
# Scenarios at once: more starve two cores, and devices that answer late look dead.
AT_ONCE = 5
# How often scenarios are played while the machine stalls and they are not told as expected.
TRIES = 2
# How long programs may take to start and devices to be read.
STARTUP = 90

# What is to be told of each scenario: receiver, severity, alert and place; once each.
EXPECTED = {
    "calm": [],
    "fan-fails": ["chat, warning: OobFanFailed at demo-dc r1"],
    "inlet-heats": ["pager, critical: OobRackInletRising at demo-dc r1"],
    "branch-overload": ["pager, critical: OobCircuitOverload at demo-dc r1"],
    "feed-lost": ["chat, warning: OobPsuInputLost at demo-dc r1"],
    "on-battery": ["pager, critical: OobUpsOnBattery at demo-dc"],
    "firmware-change": ["pager, critical: OobFirmwareUnexpectedChange at demo-dc r2"],
    "link-dies": ["pager, critical: OobSiteUnreachable at demo-pole-7"],
    "pole-silent": ["pager, critical: OobSiteDown at demo-pole-7"],
    "rack-dark": ["pager, critical: OobRackDark at demo-dc r1"],
}
# Those that are no scenario's name. In `pole-silent` the pole has a lightsout of its own behind the link that dies.
PLAYED = {"calm": "rack-dark", "pole-silent": "link-dies"}
DEVICES = 14
POLE = "demo-pole-7"

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
# The thresholds that are compared with time as it passes here; others are compared with what devices say.
PASSING = {"oob:threshold:heartbeat_age_seconds", "oob:threshold:forward_lag_seconds"}


def shorter(text):
    """Durations of a text, SPEED times shorter."""
    milliseconds = lambda found: f"{int(found[1]) * UNITS[found[2]] * 1000 // SPEED}ms"
    return re.sub(r"\b(\d+)([smhdw])\b", milliseconds, text)


def shorter_query(text):
    """The same for a query, where whole numbers from 60 on are seconds."""
    seconds = lambda found: f"{int(found[0]) / SPEED:g}" if int(found[0]) >= 60 else found[0]
    return shorter(re.sub(r"(?<![\w.:])\d+(?![\w.:])", seconds, text))


def shorter_rule(rule):
    rule = {key: shorter(value) if key in ("for", "keep_firing_for") else value for key, value in rule.items()}
    if not rule.get("record", "").startswith("oob:threshold:") or rule["record"] in PASSING:
        rule["expr"] = shorter_query(rule["expr"])
    return rule


def write_rules(source, folder):
    folder.mkdir()
    for path in source.glob("*.yml"):
        groups = yaml.safe_load(path.read_text())["groups"]
        for group in groups:
            if "interval" in group:
                group["interval"] = shorter(group["interval"])
            group["rules"] = [shorter_rule(rule) for rule in group["rules"]]
        (folder / path.name).write_text(yaml.safe_dump({"groups": groups}, allow_unicode=True))


def shorter_route(route):
    times = ("group_wait", "group_interval", "repeat_interval")
    for key in times:
        if key in route:
            route[key] = shorter(route[key])
    for each in route.get("routes", []):
        shorter_route(each)


def get(address, path):
    with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
        return answer.read().decode()


def wait_for(what, condition, programs):
    end = time.monotonic() + STARTUP
    while time.monotonic() < end:
        programs.assert_run()
        with contextlib.suppress(OSError):
            if found := condition():
                return found
        time.sleep(0.2)
    sys.exit(f"waited {STARTUP} s in vain for {what}")


class Webhook(http.server.ThreadingHTTPServer):
    """Takes what Alertmanager tells, as `receiver, severity: alert at site rack`, by status and scenario."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.told = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def of(self, stage, status):
        return sorted(text for each, name, text in self.told if (each, name) == (status, stage))


class Handler(http.server.BaseHTTPRequestHandler):
    """What /pager gets is a webhook's JSON, what /chat gets is Slack's with the template's title."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/pager":
            group = body["groupLabels"]
            place = f"{group.get('site', '')} {group.get('rack', '')}".strip()
            title = f"{body['status'].upper()} {body['commonLabels']['severity']}: {group['alertname']} at {place}"
        else:
            title = body["attachments"][0]["title"]
        status, text = title.split(" ", 1)
        stage = re.search(r" at ([^ /]+)/", text)
        text = f"{self.path[1:]}, {text}".replace(f"{stage[1]}/", "") if stage else text
        self.server.told.append((status, stage[1] if stage else "", text))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Programs:
    """The programs that run, and where their output goes."""

    def __init__(self, folder, binaries):
        self.folder, self.binaries, self.running = folder, binaries, {}

    def start(self, name, program, *arguments):
        binary = self.binaries / program
        command = [str(binary) if binary.exists() else program, *map(str, arguments)]
        with open(self.folder / f"{name}.log", "wb") as log:
            self.running[name] = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT)

    def enter(self, name):
        stdin = self.running[name].stdin
        stdin.write(b"\n")
        stdin.flush()

    def log(self, name):
        return (self.folder / f"{name}.log").read_text()

    def stop(self, *names):
        stopping = [self.running.pop(name) for name in names]
        for each in stopping:
            each.terminate()
        for each in stopping:
            each.wait()

    def assert_run(self):
        for name, process in self.running.items():
            if process.poll() is not None:
                sys.exit(f"{name} has ended:\n{self.log(name)[-2000:]}")


class Stage:
    """A scenario with a facility and a lightsout of its own."""

    def __init__(self, name, programs):
        self.name, self.programs = name, programs
        self.folder = programs.folder / name
        self.folder.mkdir()
        self.has_link = name == "pole-silent"
        # Where the first lightsout listens, and the link to the pole's.
        self.scraped = [f"127.0.0.1:{free_port()}" for _ in range(1 + self.has_link)]
        self.link = ()

    def start(self):
        self.programs.start(
            f"{self.name}-facility", "lightsout-mock", "facility", "--config", self.folder, "--listen", self.scraped[0],
            "--interval", POLL, "--speed", SPEED, "--on-enter", "--scenario", PLAYED.get(self.name, self.name))
        written = lambda: "lightsout.yml" in self.programs.log(f"{self.name}-facility")
        wait_for(f"the facility of {self.name}", written, self.programs)
        config = self.folder / "lightsout.yml"
        config.write_text(config.read_text().replace("timeout: 1s", f"timeout: {POLL}s"))
        if self.has_link:
            self.give_pole_its_own()
        self.programs.start(f"{self.name}-lightsout", "lightsout", "run", "--config", config)

    def give_pole_its_own(self):
        """A second lightsout with the pole's devices, scraped over a link."""
        config = yaml.safe_load((self.folder / "lightsout.yml").read_text())
        targets = config["targets"]
        here = f"127.0.0.1:{free_port()}"
        pole = config | {"site": {"name": POLE, "kind": "pole"}, "web": {"listen": here},
                         "targets": [target for target in targets if target["site"] == POLE]}
        rest = config | {"targets": [target for target in targets if target["site"] != POLE]}
        (self.folder / "pole.yml").write_text(yaml.safe_dump(pole))
        (self.folder / "lightsout.yml").write_text(yaml.safe_dump(rest))
        self.programs.start(f"{self.name}-pole", "lightsout", "run", "--config", self.folder / "pole.yml")
        self.link = ("link", "--listen", self.scraped[1], "--to", here, "--always", "up")
        self.programs.start(f"{self.name}-link", "lightsout-mock", *self.link)

    def happened(self):
        """How many things have been told to happen."""
        return self.programs.log(f"{self.name}-facility").count("T+")

    def follow(self):
        """Has the link do what the scenario does to the pole's."""
        name = f"{self.name}-link"
        if self.link and self.happened() == 1 and name in self.programs.running:
            self.programs.stop(name)
        if self.link and self.happened() == 2 and name not in self.programs.running:
            self.programs.start(name, "lightsout-mock", *self.link)

    def scrape(self):
        return {
            "job_name": self.name,
            "static_configs": [{"targets": self.scraped}],
            "metric_relabel_configs": [
                {"source_labels": ["site"], "regex": "(.+)", "target_label": "site", "replacement": f"{self.name}/$1"}],
        }


class Watch:
    """Prometheus and Alertmanager, with everything shipped but its times."""

    def __init__(self, programs, rules, webhook, stages):
        self.programs = programs
        self.address, alertmanager = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        write_rules(rules, programs.folder / "rules")
        self.start_alertmanager(rules / "alertmanager", alertmanager, webhook)
        config = {
            "global": dict.fromkeys(["scrape_interval", "scrape_timeout", "evaluation_interval"], f"{INTERVAL}s"),
            "rule_files": ["rules/*.yml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
            "scrape_configs": [stage.scrape() for stage in stages],
        }
        path = programs.folder / "prometheus.yml"
        path.write_text(yaml.safe_dump(config))
        programs.start(
            "prometheus", "prometheus", f"--config.file={path}", f"--storage.tsdb.path={programs.folder / 'data'}",
            f"--web.listen-address={self.address}", f"--query.lookback-delta={shorter('5m')}",
            f"--rules.alert.resend-delay={shorter('1m')}", "--log.level=warn")
        wait_for("Prometheus", lambda: get(self.address, "/-/ready"), programs)
        wait_for("Alertmanager", lambda: get(alertmanager, "/-/ready"), programs)

    def start_alertmanager(self, source, address, webhook):
        config = yaml.safe_load((source / "alertmanager.example.yml").read_text())
        shorter_route(config["route"])
        text = yaml.safe_dump(config).replace("127.0.0.1:9099", f"127.0.0.1:{webhook.server_port}")
        path = self.programs.folder / "alertmanager.yml"
        path.write_text(text)
        shutil.copy(source / "lightsout.tmpl", self.programs.folder)
        self.programs.start(
            "alertmanager", "prometheus-alertmanager", f"--config.file={path}", f"--web.listen-address={address}",
            f"--storage.path={self.programs.folder / 'alerts'}", "--cluster.listen-address=", "--log.level=warn")

    def ask(self, query):
        answer = get(self.address, "/api/v1/query?" + urllib.parse.urlencode({"query": query}))
        return [(each["metric"], float(each["value"][1])) for each in json.loads(answer)["data"]["result"]]

    def up(self):
        return sum(value for _, value in self.ask("sum(oob_device_up)"))

    def fired(self, stage):
        query = f'max by (alertname) (max_over_time(ALERTS{{alertstate="firing", site=~"{stage}/.+"}}[1h]))'
        return sorted(labels["alertname"] for labels, _ in self.ask(query))

    def stalls(self):
        """What shows that this machine was too busy: scrapes that failed where no link was cut, rules not evaluated."""
        lost = sum(value for _, value in self.ask('sum(count_over_time((up{job!="pole-silent"} == 0)[1h:1s]))'))
        text = get(self.address, "/metrics")
        counts = re.findall(r"^prometheus_rule_group_iterations_missed_total\S* (\S+)$", text, re.MULTILINE)
        missed = sum(map(float, counts))
        return [f"no scrape for {lost:g} s"] * (lost > 0) + [f"{missed:g} evaluations of rules missed"] * (missed > 0)

    def broken_rules(self):
        groups = json.loads(get(self.address, "/api/v1/rules"))["data"]["groups"]
        return [rule["name"] for group in groups for rule in group["rules"] if rule["health"] != "ok"]


def play(stages, watch):
    """Waits until all scenarios have ended and what they leave behind is over."""
    wait_for(f"{DEVICES * len(stages)} devices to be up", lambda: watch.up() == DEVICES * len(stages), watch.programs)
    for _ in range(QUIET):
        tick(stages, watch)
    # The calm one has an incident too, which never begins.
    playing = [stage for stage in stages if stage.name != "calm"]
    for stage in playing:
        watch.programs.enter(f"{stage.name}-facility")
    end = time.monotonic() + LONGEST
    while any(stage.happened() < 2 for stage in playing):
        if time.monotonic() > end:
            sys.exit("a scenario does not end")
        tick(stages, watch)
    for _ in range(AFTER):
        tick(stages, watch)


def tick(stages, watch):
    for stage in stages:
        stage.follow()
    watch.programs.assert_run()
    time.sleep(1)


def judge(stage, watch, webhook):
    """Says what was told; gives whether it is as expected."""
    expected, told = EXPECTED[stage], webhook.of(stage, "FIRING")
    # That it is over is told as often, or not yet.
    good = told == expected and set(webhook.of(stage, "RESOLVED")) <= set(expected)
    names = {text.split()[2] for text in told}
    quiet = [alert for alert in watch.fired(stage) if alert not in names]
    print(f"{'ok' if good else 'WRONG'}: {stage}: {'; '.join(told) or 'nothing told'}"
          + (f" (and kept quiet: {', '.join(quiet)})" if quiet else ""), flush=True)
    if not good:
        print(f"  expected: {expected or 'nothing'}, over: {webhook.of(stage, 'RESOLVED')}")
    return good


def show(names, options):
    """Plays some scenarios at once, and again where the machine stalled; gives whether all is as expected."""
    for _ in range(TRIES):
        good, stalls = show_once(names, options)
        if stalls:
            print(f"this machine is busy: {', '.join(stalls)}", flush=True)
        if good or not stalls:
            return good
    return False


def show_once(names, options):
    """Whether all is as expected, and what shows that the machine stalled."""
    with tempfile.TemporaryDirectory() as folder:
        programs, webhook = Programs(pathlib.Path(folder), options.programs), Webhook()
        stages = [Stage(name, programs) for name in names]
        try:
            watch = Watch(programs, options.rules.resolve(), webhook, stages)
            for stage in stages:
                stage.start()
            play(stages, watch)
            good = [judge(stage.name, watch, webhook) for stage in stages]
            broken, stalls = watch.broken_rules(), watch.stalls()
        finally:
            programs.stop(*programs.running)
    unknown = [text for _, stage, text in webhook.told if stage not in names]
    wrong = [f"{name} cannot be evaluated" for name in broken] + [f"told of no scenario: {text}" for text in unknown]
    for text in wrong:
        print(f"WRONG: {text}")
    return all(good) and not wrong, stalls


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "target/debug", help="lightsout, lightsout-mock")
    parser.add_argument("--rules", type=pathlib.Path, default=ROOT / "alert-rules")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", default=list(EXPECTED))
    options = parser.parse_args()
    batches = [options.scenarios[at:at + AT_ONCE] for at in range(0, len(options.scenarios), AT_ONCE)]
    sys.exit(0 if all([show(names, options) for names in batches]) else 1)


if __name__ == "__main__":
    main()
