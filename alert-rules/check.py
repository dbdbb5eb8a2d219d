#!/usr/bin/env python3
"""Checks what promtool cannot know: that rules, catalogue, runbooks and inhibition fit together.

Every metric, label and state that a rule or a runbook's query names is in the catalogue or recorded here; every
threshold is used, and counted by OobThresholdsMissing; every alert has a runbook that is linked and complete, and
whose queries Prometheus can read; every inhibition rule names alerts that exist, and
causes keep firing longer than their consequences. Prints what is wrong, one line each.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = ["Meaning", "Check", "Safe action", "Escalation", "Silence"]
SEVERITIES = {"critical", "warning", "info"}
# What the program exports by one name only, whatever its labels.
HISTOGRAM_SUFFIXES = ("_bucket", "_sum", "_count")
# Labels that Prometheus and Alertmanager add.
OTHERS = {"alertname", "alertstate", "instance", "job", "le", "__name__"}


def catalogue():
    """Prometheus names, with the states of state sets; and the names of labels."""
    source = (ROOT / "model/src/catalogue.rs").read_text()
    rows = re.findall(r'row\("[^"]+", "([^"]+)", Kind::(\w+)(?:\(&\[([^\]]*)\]\))?', source)
    metrics = {name: re.findall(r'"(\w+)"', states) for name, _, states in rows}
    status = (ROOT / "model/src/state.rs").read_text()
    metrics["hw_status"] = re.findall(r'=> "(\w+)"', status)
    conventions = (ROOT / "model/src/label.rs").read_text()
    labels = set(re.findall(r'=> "(\w+)"', conventions))
    return metrics, labels


def rules():
    for path in sorted(HERE.glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                yield path.name, rule


def unknown_names(text, metrics, labels, recorded):
    """Names in a query that are neither metrics nor labels nor recorded."""
    bare = re.sub(r'"(?:\\.|[^"\\])*"', '""', text)
    for name in re.findall(r"\b(?:oob|hw)[_:][\w:]+", bare):
        known = name in metrics or name in labels or name in recorded
        if not known and not any(name.removesuffix(suffix) in metrics for suffix in HISTOGRAM_SUFFIXES):
            yield f"{name} is neither in the catalogue nor recorded"


def unknown_states(text, metrics):
    """States in matchers that the metric's state set does not have."""
    for name, matchers in re.findall(r"\b(\w+)\{([^}]*)\}", text):
        for states in re.findall(r'\b(?:hw_)?state=~?\\?"([^"\\]+)\\?"', matchers):
            for state in states.split("|"):
                if metrics.get(name) and state not in metrics[name]:
                    yield f"{name} has no state {state}"


def unknown_labels(text, labels):
    """Labels in matchers and groupings that no series has."""
    grouped = re.findall(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^()]*)\)", text)
    named = [name.strip() for group in grouped for name in group.split(",") if name.strip()]
    for matchers in re.findall(r"\{([^{}]*)\}", text):
        named += re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*(?:\\?"|%q)', matchers)
    for name in sorted(set(named) - labels - OTHERS):
        yield f"no series has the label {name}"


def wrong_names(text, metrics, labels, recorded):
    yield from unknown_names(text, metrics, labels, recorded)
    yield from unknown_states(text, metrics)
    yield from unknown_labels(text, labels)


def wrong_alert(rule):
    annotations = rule.get("annotations", {})
    for key in ("summary", "description"):
        if not annotations.get(key):
            yield f"no {key}"
    if rule.get("labels", {}).get("severity") not in SEVERITIES:
        yield f"severity is none of {sorted(SEVERITIES)}"
    wanted = f"docs/runbooks/{rule['alert']}.md"
    if annotations.get("runbook_url") != wanted:
        yield f"runbook_url is not {wanted}"


def queries(text):
    """The queries of a page, one in a line."""
    return [line for block in re.findall(r"```promql\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]


def wrong_syntax(pages):
    """What promtool says of the queries of all pages, taken for rules."""
    groups = []
    for stem, path in sorted(pages.items()):
        rules = [{"record": "query", "expr": query, "labels": {"at": str(at)}}
                 for at, query in enumerate(queries(path.read_text()))]
        groups.append({"name": stem, "rules": rules})
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump({"groups": groups}, file)
        file.flush()
        checked = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True, check=False)
    if checked.returncode:
        yield from re.findall(r'group "Oob.*', checked.stdout + checked.stderr) or [checked.stderr]


def wrong_index(index, found):
    """Alerts whose row in the list of runbooks is missing or tells another severity."""
    rows = re.findall(r"^\| \[(\w+)\]\(\1\.md\) \| \**(\w+)\** \|", index, re.MULTILINE)
    yield from (f"has no row for {alert}, {severity}" for alert, severity in found.items() if (alert, severity) not in rows)


def wrong_runbook(path, names):
    text = path.read_text()
    if not text.startswith(f"# {path.stem}\n"):
        yield "does not begin with the alert's name"
    if re.findall(r"^## (.+)$", text, re.MULTILINE) != SECTIONS:
        yield f"its sections are not {SECTIONS}"
    if not queries(text):
        yield "no query"
    for query in queries(text):
        yield from wrong_names(query, *names)
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in link and not (path.parent / link).exists():
            yield f"links {link}, which is not there"


def wrong_inhibition(alerts):
    config = yaml.safe_load((HERE / "alertmanager/alertmanager.example.yml").read_text())
    for rule in config["inhibit_rules"]:
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            key, operator, value = re.fullmatch(r'(\w+)(=~|!~|!=|=)"(.*)"', matcher).groups()
            for each in value.split("|") if key == "alertname" and "(" not in value else []:
                if not any(re.fullmatch(each, alert) for alert in alerts):
                    yield f"{matcher}: there is no alert {each}"


def named(matchers, alerts):
    """Alerts that matchers select by name. Of all of them, what a silent device is told by: the rest ends with it."""
    selected = set(alerts)
    for key, operator, value in (re.fullmatch(r'(\w+)(=~|!~|!=|=)"(.*)"', matcher).groups() for matcher in matchers):
        if key == "alertname":
            value = "OobDeviceDown" if value == "Oob.+" else value
            selected = {each for each in selected if bool(re.fullmatch(value, each)) != operator.startswith("!")}
    return selected


def wrong_holding(found):
    """A consequence must end before what keeps it quiet does, or it is told when all is over."""
    units = {"m": 1, "h": 60}
    held = {rule["alert"]: rule.get("keep_firing_for", "0m") for _, rule in found if "alert" in rule}
    minutes = {alert: int(text[:-1]) * units[text[-1]] for alert, text in held.items()}
    config = yaml.safe_load((HERE / "alertmanager/alertmanager.example.yml").read_text())
    for rule in config["inhibit_rules"]:
        for cause in sorted(named(rule["source_matchers"], held)):
            for each in sorted(named(rule["target_matchers"], held) - {cause}):
                if minutes[each] >= minutes[cause]:
                    yield f"{each} keeps firing for {held[each]}, and {cause}, which keeps it quiet, for {held[cause]}"


def wrong_thresholds(found):
    thresholds = {rule["record"] for name, rule in found if name == "thresholds.yml"}
    used = " ".join(rule["expr"] for name, rule in found if name != "thresholds.yml")
    for each in sorted(thresholds):
        if not re.search(rf"scalar\({each}\)", used):
            yield f"{each} is not used"
    counter = next(rule for _, rule in found if rule.get("alert") == "OobThresholdsMissing")
    for text in (counter["expr"], counter["annotations"]["summary"]):
        if str(len(thresholds)) not in re.findall(r"\d+", text):
            yield f"OobThresholdsMissing does not count {len(thresholds)}: {text}"


def wrong_readme(recorded, alerts):
    text = (HERE / "README.md").read_text()
    for name in sorted(set(re.findall(r"`(oob:\w+:\w+)`", text)) ^ recorded):
        yield f"{name} is {'not named' if name in recorded else 'named and not recorded'}"
    if f"\n{len(alerts)} alerts " not in text:
        yield f"does not count {len(alerts)} alerts"


def mistakes():
    metrics, labels = catalogue()
    found = list(rules())
    recorded = {rule["record"] for _, rule in found if "record" in rule}
    names = (metrics, labels, recorded)
    alerts = [rule["alert"] for _, rule in found if "alert" in rule]
    index = (RUNBOOKS / "README.md").read_text()
    pages = {path.stem: path for path in RUNBOOKS.glob("Oob*.md")}
    for alert in sorted(set(alerts) ^ set(pages)):
        yield f"{alert} has {'no runbook' if alert in alerts else 'a runbook and no alert'}"
    for name, rule in found:
        told = list(wrong_names(rule["expr"], *names))
        told += wrong_alert(rule) if "alert" in rule else []
        for annotation in rule.get("annotations", {}).values():
            told += unknown_states(annotation, metrics)
            told += unknown_labels(annotation, labels)
            told += unknown_names(" ".join(re.findall(r'printf\s+"([\w:]+)', annotation)), *names)
        yield from (f"{name}: {rule.get('alert') or rule['record']}: {each}" for each in told)
    for stem, path in sorted(pages.items()):
        yield from (f"docs/runbooks/{stem}.md: {each}" for each in wrong_runbook(path, names))
    yield from (f"docs/runbooks: {each}" for each in wrong_syntax(pages))
    severities = {rule["alert"]: rule.get("labels", {}).get("severity") for _, rule in found if "alert" in rule}
    yield from (f"docs/runbooks/README.md: {each}" for each in wrong_index(index, severities))
    yield from (f"alertmanager.example.yml: {each}" for each in wrong_inhibition(alerts))
    yield from (f"keep_firing_for: {each}" for each in wrong_holding(found))
    shared = {name for name in recorded if not name.startswith("oob:threshold:")}
    yield from (f"README.md: {each}" for each in wrong_readme(shared, alerts))
    yield from (f"thresholds.yml: {each}" for each in wrong_thresholds(found))
    if not metrics or not labels or not alerts:
        yield "nothing was found to check"


def main():
    wrong = list(mistakes())
    print("\n".join(wrong) or "rules, catalogue, runbooks and inhibition fit together")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
