#!/usr/bin/env python3
"""Shows that Alertmanager, with the example's inhibition rules, keeps the consequences of a cause quiet.

Starts a real Alertmanager on a free port of this machine, posts the alerts of each case of
alertmanager/inhibition.test.yml, and compares which ones it would tell with `told`.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

import yaml

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
from ports import free_port

HERE = pathlib.Path(__file__).resolve().parent / "alertmanager"
# An Alertmanager answers within a second; a busy machine needs longer.
STARTUP_SECONDS = 30
# How long what is told may still change.
SETTLE_SECONDS = 3


def call(base, path, body=None):
    request = urllib.request.Request(base + path, headers={"Content-Type": "application/json"})
    if body is not None:
        request.data = json.dumps(body).encode()
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or "null")


def wait_for(base, process):
    end = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            return call(base, "/api/v2/status")
        except OSError:
            time.sleep(0.1)
    sys.exit("prometheus-alertmanager did not start")


def matches(alert, told):
    """`told` is the name, and any label value that tells it from others of that name."""
    name, *values = told.split()
    return alert["alertname"] == name and all(value in alert.values() for value in values)


def post(base, index, case):
    """Posts a case at sites of its own, so that cases do not meet."""
    alerts = [alert | {"site": f"{alert['site']}.{index}"} if "site" in alert else alert for alert in case["alerts"]]
    call(base, "/api/v2/alerts", [{"labels": alert | {"case": case["name"]}} for alert in alerts])


def mistakes(base, case):
    """What is told and should not be, and the other way round."""
    found = [each for each in call(base, "/api/v2/alerts") if each["labels"]["case"] == case["name"]]
    told = [each["labels"] for each in found if not each["status"]["inhibitedBy"]]
    for labels in told:
        labels["site"] = labels.get("site", "").split(".")[0]
    wrong = [f"is not told: {each}" for each in case["told"] if not any(matches(labels, each) for labels in told)]
    wrong += [f"is told: {labels}" for labels in told if not any(matches(labels, each) for each in case["told"])]
    if len(found) != len(case["alerts"]):
        wrong.append(f"{len(found)} of {len(case['alerts'])} alerts arrived")
    return wrong


def check(base, index, case):
    post(base, index, case)
    # Alerts reach the inhibitor a moment after they were taken.
    end = time.monotonic() + SETTLE_SECONDS
    while (wrong := mistakes(base, case)) and time.monotonic() < end:
        time.sleep(0.1)
    print(f"{'wrong' if wrong else 'ok'}: {case['name']}: {len(case['alerts'])} alerts, {len(case['told'])} told")
    for line in wrong:
        print(f"  {line}")
    return not wrong


def main():
    cases = yaml.safe_load((HERE / "inhibition.test.yml").read_text())
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            ["prometheus-alertmanager", f"--config.file={HERE}/alertmanager.example.yml", f"--storage.path={folder}",
             f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", "--log.level=error"])
        try:
            wait_for(base, process)
            good = [check(base, index, case) for index, case in enumerate(cases)]
        finally:
            process.terminate()
            process.wait()
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
