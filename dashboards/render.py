#!/usr/bin/env python3
"""Draws the dashboards from the answers of a Prometheus, as one HTML page each: to look at them without Grafana.

    dashboards/render.py --prometheus URL --out FOLDER [--minutes 15] [--device NAME]

Draws what a panel would show, not how Grafana would draw it: the same queries, units, legends and thresholds.
"""
import argparse
import html
import json
import re
import time
from pathlib import Path

from check import Prometheus, filled, panels

HERE = Path(__file__).parent
COLORS = ["#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0", "#508642", "#cca300"]
NAMED = {"green": "#73bf69", "orange": "#ff9830", "red": "#f2495c", "blue": "#5794f2"}
STYLE = """body{background:#111217;color:#ccccdc;font:13px sans-serif;margin:12px;width:1560px}h1{font-size:19px}
.grid{display:grid;grid-template-columns:repeat(24,1fr);grid-auto-rows:34px;gap:8px}
.panel{background:#181b1f;border:1px solid #2c3235;border-radius:3px;padding:6px 8px;overflow:hidden}
.row{font-size:15px;align-self:center}.panel h2{font-size:13px;margin:0 0 4px;font-weight:600}.stat{font-size:34px}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:2px 6px;border-bottom:1px solid #2c3235}
.legend{font-size:11px}.empty{color:#8e8e99}.bar{height:14px;margin-right:6px;display:inline-block}"""


def shown(value, unit, decimals=None, mapping=None):
    """A value as Grafana would write it."""
    if mapping and str(int(value)) in mapping and value == int(value):
        return mapping[str(int(value))]["text"]
    scaled = {"percentunit": (value * 100, " %"), "celsius": (value, " °C"), "watt": (value, " W"), "amp": (value, " A"),
              "volt": (value, " V"), "rotrpm": (value, " rpm"), "s": (value, " s"), "dBm": (value, " dBm"),
              "bytes": (value / 2**20, " MiB"), "Bps": (value, " B/s"), "joule": (value / 3.6e6, " kWh")}
    number, name = scaled.get(unit, (value, ""))
    if unit == "watt" and abs(value) >= 10_000:
        number, name = value / 1000, " kW"
    if unit == "s" and abs(value) >= 120:
        number, name = value / 60, " min"
    digits = decimals if decimals is not None else (0 if abs(number) >= 100 or number == int(number) else 2)
    return f"{number:,.{digits}f}{name}"


def color(value, config, mapping=None):
    if mapping and str(int(value)) in mapping:
        return NAMED.get(mapping[str(int(value))]["color"], "#ccccdc")
    chosen = "#ccccdc"
    for step in config["steps"]:
        if step["value"] is None or value >= step["value"]:
            chosen = NAMED.get(step["color"], step["color"])
    return chosen


def mapping_of(config):
    return next((m["options"] for m in config.get("mappings", []) if m["type"] == "value"), None)


def legend(target, labels):
    text = target["legendFormat"]
    if text == "__auto":
        return ", ".join(f"{k}={v}" for k, v in labels.items() if k != "__name__") or "value"
    for name in set(re.findall(r"\{\{(\w+)\}\}", text)):
        text = text.replace("{{%s}}" % name, labels.get(name, ""))
    return text.strip()


def chart(panel, answers, width, height, span):
    """Lines over time; a state timeline as bands."""
    start, end = span
    defaults = panel["fieldConfig"]["defaults"]
    series = [(legend(t, s["metric"]), t["refId"].startswith("limit"), [(float(a), float(b)) for a, b in s["values"]])
              for t, answer in answers for s in answer]
    if not series:
        return '<div class="empty">No data</div>'
    x = lambda at: 60 + (at - start) / (end - start) * (width - 70)
    if panel["type"] == "state-timeline":
        bands = ""
        for index, (name, _, points) in enumerate(series):
            top = 8 + index * 30
            bands += f'<text x="0" y="{top + 14}" fill="#ccccdc" font-size="11">{html.escape(name)}</text>'
            for (a, value), (b, _) in zip(points, points[1:]):
                bands += f'<rect x="{120 + (x(a) - 60) * .9:.1f}" y="{top}" width="{(x(b) - x(a)) * .9 + 1:.1f}" height="20" fill="{color(value, defaults["thresholds"], mapping_of(defaults))}"/>'
        return f'<svg width="{width}" height="{height}">{bands}</svg>'
    if defaults["custom"].get("stacking", {}).get("mode") == "normal":
        below, stacked = {}, []
        for name, limit, points in series:
            points = [(a, v + below.get(a, 0)) for a, v in points]
            below.update(points)
            stacked.append((name, limit, points))
        series = stacked
    values = [v for _, _, points in series for _, v in points if v == v]
    if not values:
        return '<div class="empty">No data</div>'
    low, high = min(values + [defaults.get("min", min(values))]), max(values + [defaults.get("max", max(values))])
    high = high if high > low else low + 1
    y = lambda v: height - 18 - (v - low) / (high - low) * (height - 30)
    drawn = "".join(f'<text x="0" y="{y(v) + 4:.0f}" fill="#8e8e99" font-size="10">{shown(v, defaults["unit"])}</text>'
                    f'<line x1="60" x2="{width}" y1="{y(v):.0f}" y2="{y(v):.0f}" stroke="#2c3235"/>' for v in (low, (low + high) / 2, high))
    for index, (name, limit, points) in enumerate(series):
        path, last = "", None
        for at, value in points:
            if value == value:
                path += f"{'L' if last is not None and at - last < 90 else 'M'}{x(at):.1f},{y(value):.1f}"
                last = at
        look = 'stroke="#f2495c" stroke-dasharray="8 6"' if limit else f'stroke="{COLORS[index % len(COLORS)]}"'
        drawn += f'<path d="{path}" fill="none" stroke-width="1.5" {look}/>'
    names = " ".join(f'<span style="color:{"#f2495c" if limit else COLORS[i % len(COLORS)]}">— {html.escape(n)}</span>' for i, (n, limit, _) in enumerate(series[:12]))
    more = f" and {len(series) - 12} more" if len(series) > 12 else ""
    return f'<svg width="{width}" height="{height}">{drawn}</svg><div class="legend">{names}{more}</div>'


def table(panel, answers):
    """Rows joined by their labels, columns in their order."""
    organize = panel["transformations"][2]["options"]
    titles = organize["renameByName"]
    labels = [name for name in titles if not name.startswith("Value")]
    looks = {o["matcher"]["options"]: {p["id"]: p["value"] for p in o["properties"]} for o in panel["fieldConfig"]["overrides"]}
    rows = {}
    for target, answer in answers:
        column = "Value" if len(answers) == 1 else f"Value #{target['refId']}"
        for series in answer:
            key = tuple(series["metric"].get(name, "") for name in labels)
            rows.setdefault(key, {})[column] = float(series["value"][1])
    values = [name for name in titles if name.startswith("Value") and titles[name].strip()]
    sort = next(iter(panel["options"]["sortBy"]), None)
    column = next((n for n in titles if sort and titles[n] == sort["displayName"]), None)
    key = lambda row: row[0][labels.index(column)] if column in labels else row[1].get(column, 0)
    ordered = sorted(rows.items(), key=key, reverse=sort["desc"]) if column else rows.items()
    text = "<tr>" + "".join(f"<th>{html.escape(titles[n])}</th>" for n in labels + values) + "</tr>"
    for cells, numbers in ordered:
        text += "<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in cells)
        for name in values:
            look, value = looks.get(titles[name], {}), numbers.get(name)
            if value is None:
                text += "<td></td>"
                continue
            mapping = mapping_of({"mappings": look.get("mappings", [])})
            paint = color(value, look.get("thresholds", {"steps": []}), mapping)
            text += f'<td style="color:{paint}">{shown(value, look.get("unit", panel["fieldConfig"]["defaults"]["unit"]), look.get("decimals"), mapping)}</td>'
        text += "</tr>"
    return f"<table>{text}</table>" if rows else '<div class="empty">No data</div>'


def body(panel, prometheus, chosen, span, width, height):
    defaults = panel["fieldConfig"]["defaults"]
    if panel["type"] in ("timeseries", "state-timeline"):
        ask = lambda expr: prometheus.get("query_range", query=filled(expr, chosen), start=span[0], end=span[1], step=5)["result"]
        return chart(panel, [(t, ask(t["expr"])) for t in panel["targets"]], width, height - (30 if panel["type"] == "timeseries" else 0), span)
    answers = [(t, prometheus.query(filled(t["expr"], chosen))) for t in panel["targets"]]
    if panel["type"] == "table":
        return table(panel, answers)
    found = [(legend(t, s["metric"]), float(s["value"][1])) for t, answer in answers for s in answer]
    if not found:
        return f'<div class="empty">{html.escape(defaults.get("noValue", "No data"))}</div>'
    if panel["type"] == "stat":
        value = found[0][1]
        return f'<div class="stat" style="color:{color(value, defaults["thresholds"], mapping_of(defaults))}">{shown(value, defaults["unit"], defaults.get("decimals"), mapping_of(defaults))}</div>'
    bars = sorted(found, key=lambda pair: -pair[1])
    return "".join(f'<div><span class="bar" style="width:{max(2, min(1, v) * width * .5):.0f}px;background:{color(v, defaults["thresholds"])}"></span>'
                   f'{shown(v, defaults["unit"], defaults.get("decimals"))} {html.escape(n)}</div>' for n, v in bars)


def page(dashboard, prometheus, chosen, minutes):
    end = time.time()
    parts = ""
    for panel in dashboard["panels"]:
        grid = panel["gridPos"]
        place = f'grid-column:{grid["x"] + 1}/span {grid["w"]};grid-row:{grid["y"] + 1}/span {grid["h"]}'
        if panel["type"] == "row":
            parts += f'<div class="row" style="{place}">▾ {html.escape(panel["title"])}</div>'
            continue
        width, height = grid["w"] * 64 - 30, grid["h"] * 42 - 50
        parts += (f'<div class="panel" style="{place}"><h2>{html.escape(panel["title"])}</h2>'
                  f'{body(panel, prometheus, chosen, (end - minutes * 60, end), width, height)}</div>')
    return f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style><h1>{html.escape(dashboard["title"])}</h1><div class="grid">{parts}</div>'


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prometheus", required=True, metavar="URL")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--site", default=".*")
    parser.add_argument("--rack", default=".*")
    parser.add_argument("--device", default=".*")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    chosen = {"site": options.site, "rack": options.rack, "device_type": ".*", "host_name": options.device}
    for path in sorted(HERE.glob("*.json")):
        text = page(json.loads(path.read_text()), Prometheus(options.prometheus), chosen, options.minutes)
        (options.out / f"{path.stem}.html").write_text(text)


if __name__ == "__main__":
    main()
