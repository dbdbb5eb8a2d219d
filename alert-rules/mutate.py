#!/usr/bin/env python3
"""Shows that the rule tests notice when an alert is broken.

Each alert is broken in turn, in a copy: once by an expression that is never true, once by taking away its `for`.
The cases that name it must then fail. Prints what survived, and fails if anything did.
"""

import concurrent.futures
import pathlib
import shutil
import subprocess
import sys
import tempfile

import yaml

HERE = pathlib.Path(__file__).resolve().parent
WORKERS = 2
NEVER = "vector(1) < 0"


def never(rule):
    return rule | {"expr": NEVER}


def at_once(rule):
    return {key: value for key, value in rule.items() if key != "for"}


def mutants():
    """File, position of the group and the rule, what is done, the broken rule."""
    for path in sorted(HERE.glob("*.yml")):
        for group_at, group in enumerate(yaml.safe_load(path.read_text())["groups"]):
            for rule_at, rule in enumerate(group["rules"]):
                if "alert" not in rule:
                    continue
                yield path.name, group_at, rule_at, "never true", never(rule)
                if "for" in rule:
                    yield path.name, group_at, rule_at, "without its for", at_once(rule)


def promtool(tests):
    command = ["promtool", "test", "rules", *map(str, tests)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def keep_cases(folder, alert):
    """Leaves the cases that name the alert, and gives the files that have any."""
    for path in sorted((folder / "tests").glob("*.test.yml")):
        tests = yaml.safe_load(path.read_text())
        tests["tests"] = [case for case in tests["tests"] if alert in str(case)]
        if tests["tests"]:
            path.write_text(yaml.safe_dump(tests, allow_unicode=True))
            yield path


def survives(mutant):
    name, group_at, rule_at, what, broken = mutant
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / "rules"
        shutil.copytree(HERE, folder)
        rules = yaml.safe_load((folder / name).read_text())
        rules["groups"][group_at]["rules"][rule_at] = broken
        (folder / name).write_text(yaml.safe_dump(rules, allow_unicode=True))
        return f"{name}: {broken['alert']}, {what}" if promtool(keep_cases(folder, broken["alert"])) else None


def main():
    if not promtool(sorted((HERE / "tests").glob("*.test.yml"))):
        sys.exit("the rule tests fail before anything is broken")
    todo = list(mutants())
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        alive = [each for each in pool.map(survives, todo) if each]
    for each in alive:
        print(f"no test notices: {each}")
    print(f"{len(todo)} broken alerts, {len(todo) - len(alive)} noticed")
    sys.exit(1 if alive or not todo else 0)


if __name__ == "__main__":
    main()
