#!/usr/bin/env python3
"""Writes the Grafana dashboards from their definitions.

    dashboards/generate.py            writes dashboards/*.json
    dashboards/generate.py --check    fails where a committed file is not what its definition says

A definition (definitions/*.yaml) lists rows of panels. In its queries `@` stands for the dashboard's
variables as label matchers: `oob_device_up{@}` becomes `oob_device_up{site=~"$site",…}`.
"""
import json
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).parent
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
# Most series that one panel may ask for: more cannot be read, and slow the browser down.
CEILING = 2000
# Variables from the widest to the narrowest: each is chosen among what the ones before it leave.
VARIABLES = {
    "site": "Site",
    "rack": "Rack",
    "device_type": "Kind of device",
    "host_name": "Device",
}
HEIGHTS = {"stat": 4, "table": 9, "timeseries": 8, "bargauge": 8, "state-timeline": 7, "text": 3}
COLORS = {"ok": "green", "info": "blue", "warning": "orange", "critical": "red"}


def matchers(variables):
    """Label matchers for the variables: a device without a rack counts as chosen where all are."""
    return ",".join(f'{name}=~"${name}"' for name in variables)


def templating(variables):
    """The data source, then one variable after the other."""
    entries = [{
        "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
        "current": {}, "hide": 0, "includeAll": False, "multi": False, "options": [], "refresh": 1, "regex": "",
    }]
    for index, name in enumerate(variables):
        wider = matchers(variables[:index])
        query = f"label_values(oob_device_up{{{wider}}}, {name})"
        single = name == "host_name"
        entries.append({
            "name": name, "label": VARIABLES[name], "type": "query", "datasource": DATASOURCE,
            "definition": query, "query": {"query": query, "refId": name}, "refresh": 2, "sort": 1,
            "hide": 0, "includeAll": not single, "multi": not single, "allValue": None if single else ".*",
            "current": {} if single else {"text": "All", "value": "$__all"}, "options": [], "regex": "",
        })
    return {"list": entries}


def thresholds(steps):
    """`{ok: null, warning: 0.8}` as Grafana's steps."""
    steps = steps or {"ok": None}
    return {"mode": "absolute", "steps": [{"color": COLORS.get(k, k), "value": v} for k, v in steps.items()]}


def targets(panel, expand):
    """A panel's queries: `expr`, or `queries` with a legend each; `limits` are drawn dashed."""
    queries = panel.get("queries") or [{"expr": panel["expr"], "legend": panel.get("legend", "")}]
    queries = queries + [dict(limit, limit=True) for limit in panel.get("limits", [])]
    instant = panel["type"] in ("table", "bargauge") or (panel["type"] == "stat" and not panel.get("trend"))
    made = []
    for index, query in enumerate(queries):
        ref = ("limit" if query.get("limit") else "") + chr(ord("A") + index)
        made.append({
            "datasource": DATASOURCE, "refId": ref, "expr": expand(query["expr"]).strip(),
            "legendFormat": query.get("legend", "") or "__auto", "instant": instant, "range": not instant,
            "format": "table" if panel["type"] == "table" else "time_series", "editorMode": "code",
        })
    return made


def links(panel, variables):
    """Where a click on a table's cell leads: to another dashboard, with the row's labels as variables."""
    made = {}
    for label, uid in panel.get("links", {}).items():
        passed = [name for name in VARIABLES if name in panel["columns"]]
        query = "&".join(f"var-{name}=${{__data.fields[{json.dumps(panel['columns'][name])}]}}" for name in passed)
        made[panel["columns"][label]] = [{"title": f"Open {uid.removeprefix('lightsout-')}",
                                          "url": f"/d/{uid}?{query}&${{datasource:queryparam}}&${{__url_time_range}}"}]
    return made


def table_options(panel, variables):
    """Columns in their order with their titles; everything else is left out."""
    values = panel.get("values") or {"Value": panel.get("value", "Value")}
    titles = dict(panel["columns"])
    several = len(panel.get("queries", [])) > 1
    for index, title in enumerate(values.values()):
        titles[f"Value #{chr(ord('A') + index)}" if several else "Value"] = title
    order = {name: index for index, name in enumerate(titles)}
    transformations = [
        {"id": "merge", "options": {}},
        {"id": "filterFieldsByName", "options": {"include": {"names": list(titles)}}},
        {"id": "organize", "options": {"excludeByName": {}, "indexByName": order, "renameByName": titles}},
    ]
    overrides = []
    for title, urls in links(panel, variables).items():
        overrides.append({"matcher": {"id": "byName", "options": title},
                          "properties": [{"id": "links", "value": urls}]})
    for title, look in panel.get("looks", {}).items():
        properties = [{"id": "unit", "value": look["unit"]}] if "unit" in look else []
        if "decimals" in look:
            properties.append({"id": "decimals", "value": look["decimals"]})
        if "thresholds" in look:
            properties += [{"id": "thresholds", "value": thresholds(look["thresholds"])},
                           {"id": "custom.cellOptions", "value": {"type": "color-text"}}]
        if "map" in look:
            properties.append({"id": "mappings", "value": mappings(look["map"])})
            properties.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
        overrides.append({"matcher": {"id": "byName", "options": title}, "properties": properties})
    return transformations, overrides


def mappings(words):
    """`{1: [up, ok]}` as Grafana's value mappings."""
    options = {str(value): {"text": text, "color": COLORS.get(color, color), "index": index}
               for index, (value, (text, color)) in enumerate(words.items())}
    return [{"type": "value", "options": options}]


def panel_json(panel, number, position, variables, expand):
    kind = panel["type"]
    defaults = {"unit": panel.get("unit", "short"), "thresholds": thresholds(panel.get("thresholds")),
                "color": {"mode": "thresholds" if kind in ("stat", "bargauge", "table", "state-timeline") else "palette-classic"},
                "mappings": mappings(panel["map"]) if "map" in panel else [], "custom": {}}
    for key in ("decimals", "min", "max", "noValue"):
        if key in panel:
            defaults[key] = panel[key]
    overrides, transformations = [], []
    if kind == "timeseries":
        defaults["custom"] = {"lineWidth": 1, "fillOpacity": 10 if panel.get("stack") else 0, "showPoints": "never",
                              "spanNulls": False, "stacking": {"mode": "normal" if panel.get("stack") else "none", "group": "A"}}
        options = {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
                   "tooltip": {"mode": "multi", "sort": "desc"}}
        overrides = [{"matcher": {"id": "byFrameRefID", "options": chr_ref},
                      "properties": [{"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 6]}},
                                     {"id": "color", "value": {"mode": "fixed", "fixedColor": "red"}}]}
                     for chr_ref in (t["refId"] for t in targets(panel, expand)) if chr_ref.startswith("limit")]
    elif kind == "table":
        transformations, overrides = table_options(panel, variables)
        options = {"showHeader": True, "cellHeight": "sm", "footer": {"show": False, "reducer": ["sum"], "fields": ""},
                   "sortBy": [{"displayName": panel["sort"].lstrip("-"), "desc": panel["sort"].startswith("-")}] if "sort" in panel else []}
    elif kind == "stat":
        options = {"colorMode": "value", "graphMode": "area" if panel.get("trend") else "none", "textMode": panel.get("text", "auto"),
                   "justifyMode": "auto", "orientation": "auto", "wideLayout": True,
                   "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    elif kind == "bargauge":
        options = {"displayMode": "gradient", "orientation": "horizontal", "valueMode": "color", "showUnfilled": True,
                   "sizing": "auto", "minVizHeight": 12, "minVizWidth": 8, "namePlacement": "auto",
                   "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom", "calcs": []},
                   "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    else:
        defaults["custom"] = {"fillOpacity": 80, "lineWidth": 0}
        options = {"mergeValues": True, "showValue": "never", "alignValue": "left", "rowHeight": 0.85,
                   "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
                   "tooltip": {"mode": "single", "sort": "none"}}
    return {"id": number, "type": kind, "title": panel["title"], "description": panel["description"].strip(),
            "datasource": DATASOURCE, "gridPos": position, "targets": targets(panel, expand),
            "fieldConfig": {"defaults": defaults, "overrides": overrides}, "options": options,
            "transformations": transformations, "maxDataPoints": 600, "pluginVersion": "11.0.0"}


def layout(definition, variables, expand):
    """Panels from left to right, row after row."""
    made, number, top = [], 0, 0
    for row in definition["rows"]:
        number += 1
        made.append({"id": number, "type": "row", "title": row["title"], "collapsed": False, "panels": [],
                     "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1}})
        top, left, tallest = top + 1, 0, 0
        for panel in row["panels"]:
            width, height = panel.get("width", 12), panel.get("height", HEIGHTS[panel["type"]])
            if left + width > COLUMNS:
                top, left, tallest = top + tallest, 0, 0
            number += 1
            position = {"x": left, "y": top, "w": width, "h": height}
            made.append(panel_json(panel, number, position, variables, expand))
            left, tallest = left + width, max(tallest, height)
        top += tallest
    return made


def dashboard(definition):
    variables = definition.get("variables", [])
    expand = lambda expr: expr.replace("@", matchers(variables))
    return {
        "uid": definition["uid"], "title": f"lightsout: {definition['title']}", "description": definition["description"].strip(),
        "tags": ["lightsout"], "schemaVersion": 39, "version": 1, "editable": False, "graphTooltip": 1, "refresh": "30s",
        "time": {"from": definition.get("from", "now-3h"), "to": "now"}, "timezone": "browser", "style": "dark",
        "annotations": {"list": []}, "templating": templating(variables),
        "links": [{"type": "dashboards", "title": "lightsout", "tags": ["lightsout"], "asDropdown": True, "icon": "external link",
                   "includeVars": True, "keepTime": True, "targetBlank": False, "tooltip": "", "url": ""}],
        "panels": layout(definition, variables, expand),
    }


def rendered():
    """File names and texts of all dashboards."""
    for path in sorted((HERE / "definitions").glob("*.yaml")):
        definition = yaml.safe_load(path.read_text())
        yield HERE / f"{path.stem}.json", json.dumps(dashboard(definition), indent=1, ensure_ascii=False) + "\n"


def main():
    stale = []
    for path, text in rendered():
        if "--check" in sys.argv[1:]:
            if not path.exists() or path.read_text() != text:
                stale.append(path.name)
        else:
            path.write_text(text)
    if stale:
        sys.exit(f"not what their definitions say: {', '.join(stale)}; run dashboards/generate.py and commit the result")


if __name__ == "__main__":
    main()
