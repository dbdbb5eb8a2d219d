#!/usr/bin/env python3
"""Checks the dashboards.

    dashboards/check.py                    what can be seen in the files alone
    dashboards/check.py --prometheus URL   and every query against a Prometheus that scrapes the demo

In the files: each is what its definition says, has the shape that Grafana takes, keeps the rules of Grafana's
dashboard linter (but for those about the labels job and instance, which readings of devices do not have), and
names only metrics of the catalogue or of the recording rules. Against Prometheus: every query of every panel
and variable gives data for some choice of the variables, below the ceiling of series. A panel that may be
empty says why in its definition, with the key `empty`.
"""
import argparse
import itertools
import json
import re
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import jsonschema
import yaml

import generate

HERE = Path(__file__).parent
CATALOGUE = HERE.parent / "model/src/catalogue.rs"
RULES = HERE.parent / "alert-rules"
# Words of PromQL and what stands in braces, brackets or behind a grouping are no metrics.
NOT_METRICS = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"|\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
NAME = re.compile(r"\b((?:oob|hw)[_:][A-Za-z0-9_:]*|ALERTS)\b")
# Not in this folder: Grafana takes every JSON file below it for a dashboard.
SCHEMA = json.loads((HERE.parent / "tests/dashboard.schema.json").read_text())


def metrics_of(expr):
    return set(NAME.findall(NOT_METRICS.sub(" ", expr)))


def known_metrics():
    """Prometheus names of the catalogue with what histograms add, and the names that rules record."""
    names = set(re.findall(r'row\("[^"]+", "([^"]+)"', CATALOGUE.read_text()))
    assert len(names) > 80, f"the catalogue was not understood: {len(names)} metrics in {CATALOGUE}"
    names |= {f"{name}{end}" for name in names for end in ("_bucket", "_sum", "_count")}
    for path in RULES.glob("*.yml"):
        for group in (yaml.safe_load(path.read_text()) or {}).get("groups", []):
            names |= {rule["record"] for rule in group["rules"] if "record" in rule}
    return names | {"ALERTS"}


def panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def in_files(dashboards):
    known, wrong = known_metrics(), []
    for path, text in generate.rendered():
        if not path.exists() or path.read_text() != text:
            wrong.append(f"{path.name}: not what its definition says; run dashboards/generate.py")
    for name, dashboard in dashboards.items():
        for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(dashboard):
            wrong.append(f"{name}: {error.json_path}: {error.message}")
        wrong += [f"{name}: {text}" for text in linted(dashboard)]
        for panel in panels(dashboard):
            for target in panel["targets"]:
                unknown = metrics_of(target["expr"]) - known
                if unknown or not metrics_of(target["expr"]):
                    wrong.append(f"{name}: {panel['title']}: no metrics of the catalogue: {sorted(unknown) or target['expr']}")
    uids = [dashboard["uid"] for dashboard in dashboards.values()]
    for name, dashboard in dashboards.items():
        for uid in re.findall(r'/d/([a-z-]+)', json.dumps(dashboard)):
            if uid not in uids:
                wrong.append(f"{name}: leads to {uid}, which is not here")
    return wrong


def linted(dashboard):
    """The rules of Grafana's dashboard linter: template-datasource, uneditable, panel-datasource,
    panel-title-description, panel-units, panel-no-targets, target-rate-interval."""
    sources = [v for v in dashboard["templating"]["list"] if v["type"] == "datasource"]
    if [(v["name"], v["label"]) for v in sources] != [("datasource", "Data source")]:
        yield "wants one variable `datasource`, labelled `Data source`"
    if dashboard["editable"]:
        yield "is editable"
    for panel in panels(dashboard):
        where = panel["title"] or f"panel {panel['id']}"
        if not panel["title"] or not panel["description"]:
            yield f"{where}: no title or no description"
        if panel["datasource"]["uid"] != "${datasource}" or any(t["datasource"]["uid"] != "${datasource}" for t in panel["targets"]):
            yield f"{where}: another data source than the variable's"
        if not panel["targets"]:
            yield f"{where}: no query"
        if not panel["fieldConfig"]["defaults"]["unit"]:
            yield f"{where}: no unit"
        for target in panel["targets"]:
            if re.search(r"\brate\([^)]*\[(?!\$__rate_interval\])", target["expr"]):
                yield f"{where}: rate() without $__rate_interval"


class Prometheus:
    def __init__(self, url):
        self.url = url

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters, doseq=True)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=30) as answer:
            return json.load(answer)["data"]

    def query(self, expr):
        return self.get("query", query=expr)["result"]

    def series(self, name, matcher):
        return [s for s in self.get("series", **{"match[]": matcher}) if name in s]


def filled(expr, chosen):
    expr = expr.replace("$__rate_interval", "1m")
    for name, value in chosen.items():
        expr = expr.replace(f"${name}", value)
    return expr


def choices(prometheus, dashboard):
    """All at once, and for a variable that takes one value, each of its values."""
    single = [v["name"] for v in dashboard["templating"]["list"] if v["type"] == "query" and not v["multi"]]
    many = {v["name"]: ".*" for v in dashboard["templating"]["list"] if v["type"] == "query" and v["multi"]}
    values = [sorted({s[name] for s in prometheus.series(name, "oob_device_up")}) for name in single]
    return [many | dict(zip(single, each)) for each in itertools.product(*values)]


def against(prometheus, dashboards, reasons):
    wrong, empty, largest = [], [], (0, "")
    for name, dashboard in dashboards.items():
        chosen = choices(prometheus, dashboard)
        for variable in (v for v in dashboard["templating"]["list"] if v["type"] == "query"):
            selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"]).groups()
            if not prometheus.series(label, filled(selector, chosen[0] | {"host_name": ".*"})):
                wrong.append(f"{name}: variable {label}: no values")
        for panel in panels(dashboard):
            for target in panel["targets"]:
                counts = [len(prometheus.query(filled(target["expr"], each))) for each in chosen]
                where = f"{name}: {panel['title']} {target['refId']}"
                largest = max(largest, (max(counts), where))
                if max(counts) > generate.CEILING:
                    wrong.append(f"{where}: {max(counts)} series, more than {generate.CEILING}")
                reason = reasons.get((name, panel["title"]))
                if max(counts) == 0 and reason is None:
                    wrong.append(f"{where}: no data: {target['expr']}")
                elif max(counts) == 0:
                    empty.append(f"{where}: {reason}")
    print(f"most series in one query: {largest[0]} ({largest[1]})")
    print(*(f"empty by design: {line}" for line in empty), sep="\n")
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prometheus", metavar="URL")
    options = parser.parse_args()
    dashboards = {path.stem: json.loads(path.read_text()) for path in sorted(HERE.rglob("*.json"))}
    wrong = in_files(dashboards)
    if options.prometheus:
        definitions = {path.stem: yaml.safe_load(path.read_text()) for path in (HERE / "definitions").glob("*.yaml")}
        reasons = {(name, panel["title"]): panel["empty"] for name, definition in definitions.items()
                   for row in definition["rows"] for panel in row["panels"] if "empty" in panel}
        wrong += against(Prometheus(options.prometheus), dashboards, reasons)
    queries = sum(len(panel["targets"]) for dashboard in dashboards.values() for panel in panels(dashboard))
    print(f"{len(dashboards)} dashboards, {queries} queries, {len(wrong)} mistakes")
    if wrong or len(dashboards) != len(list((HERE / "definitions").glob("*.yaml"))):
        sys.exit("\n".join(wrong) or "a definition has no dashboard")


if __name__ == "__main__":
    main()
