#!/usr/bin/env python3
"""Runs every query of the dashboards against a real Prometheus that scrapes the demonstration.

    tests/dashboards.py [--programs FOLDER]
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import json

from ports import free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Seconds from one scrape to the next. The dashboards' rates look back over a minute.
INTERVAL = 3
# Seconds of scrapes before anything is asked: the demonstration's uplink has been down and is back.
SCRAPED = 100
# Seconds in which all devices are polled.
STARTUP = 90
DEVICES = 15

CONFIG = """\
global: {{scrape_interval: {interval}s, scrape_timeout: {interval}s, evaluation_interval: {interval}s}}
rule_files: ["{root}/alert-rules/*.yml"]
scrape_configs:
  - {{job_name: lightsout, honor_labels: true, static_configs: [{{targets: ["{demo}"]}}]}}
"""


def answers(prometheus, query):
    address = f"http://{prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return [float(each["value"][1]) for each in json.load(answer)["data"]["result"]]
    except OSError:
        return []


def wait_for(what, seconds, condition):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"{what}: not within {seconds} s")
        time.sleep(1)


def check(folder, programs, started):
    demo, prometheus = (f"127.0.0.1:{free_port()}" for _ in range(2))
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(interval=INTERVAL, root=ROOT, demo=demo))
    log = (folder / "log").open("w")
    run = lambda *command: started.append(subprocess.Popen(command, stdout=log, stderr=log))
    run(programs / "lightsout", "demo", "--listen", demo, "--interval", "3s")
    run("prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data", f"--web.listen-address={prometheus}")
    polled = lambda: answers(prometheus, "count(oob_device_up)") == [DEVICES]
    wait_for(f"{DEVICES} devices in Prometheus", STARTUP, polled)
    time.sleep(SCRAPED)
    command = [sys.executable, ROOT / "dashboards/check.py", "--prometheus", f"http://{prometheus}"]
    return subprocess.run(command, check=False).returncode


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--programs", type=pathlib.Path, default=ROOT / "target/debug", help="folder of lightsout")
    programs = arguments.parse_args().programs
    started = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            sys.exit(check(pathlib.Path(folder), programs, started))
        finally:
            for process in started:
                process.terminate()
                process.wait()


if __name__ == "__main__":
    main()
