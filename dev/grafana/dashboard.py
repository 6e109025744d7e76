"""`python -m dev.grafana.dashboard`: write Grafana's dashboard.

Grafana's own Foundation SDK makes the JSON, so that its types and limits are Grafana's. Whoever changes the
dashboard in the browser copies the expressions to `panels`.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueColorMode, BigValueGraphMode, BigValueTextMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    DataTransformerConfig,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dev.grafana.panels import LINES, SECTIONS, STAT, TABLE, Panel
from dev.place import ROOT

FILE = ROOT / "docker" / "grafana" / "dashboards" / "crm_assets.json"
UID = "crm-assets"
# Of docker/grafana/provisioning/datasources.
SOURCE = DataSourceRef(type_val="prometheus", uid="crm-prometheus")


def text() -> str:
    """Return the dashboard as JSON."""
    made = (
        dashboard.Dashboard("crm_assets: pipeline, model and API")
        .uid(UID)
        .description("Written by `python -m dev.grafana.dashboard`.")
        .tags(["crm_assets"])
        .refresh("1m")
        .time("now-7d", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
    )
    number = count(1)
    for title, panels in SECTIONS:
        made = made.with_row(dashboard.Row(title).id(next(number)))
        for panel in panels:
            made = made.with_panel(_panel(panel).id(next(number)))
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def _panel(panel: Panel) -> Any:
    builders: dict[str, Any] = {STAT: _stat, LINES: _lines, TABLE: _table}
    made = (
        builders[panel.kind](panel)
        .title(panel.title)
        .description(panel.about)
        .datasource(SOURCE)
        .unit(panel.unit)
        .span(panel.width)
        .height(4 if panel.kind == STAT else 8)
    )
    for number, (expression, legend) in enumerate(panel.queries):
        query = prometheus.Dataquery().ref_id(chr(ord("A") + number)).expr(expression).datasource(SOURCE)
        query = query.legend_format(legend or "__auto")
        query = query.instant().format(PromQueryFormat.TABLE) if panel.kind == TABLE else query.range()
        made = made.with_target(query)
    return made


def _stat(panel: Panel) -> stat.Panel:
    made = stat.Panel().graph_mode(BigValueGraphMode.NONE)
    made = made.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    if panel.named:
        made = made.text_mode(BigValueTextMode.NAME)
    if panel.limits is None:
        return made.color_mode(BigValueColorMode.NONE)
    warn, bad = panel.limits
    if warn < bad:
        steps = [Threshold(color="green"), Threshold(warn, "orange"), Threshold(bad, "red")]
    else:
        steps = [Threshold(color="red"), Threshold(bad, "orange"), Threshold(warn, "green")]
    return made.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))


def _lines(_: Panel) -> timeseries.Panel:
    return timeseries.Panel().fill_opacity(5).span_nulls(True)


def _table(panel: Panel) -> table.Panel:
    hidden = dict.fromkeys(("Time", "__name__", "instance", "job"), True)
    several = len(panel.queries) > 1
    names = {
        f"Value #{chr(ord('A') + number)}" if several else "Value": legend
        for number, (_, legend) in enumerate(panel.queries)
    }
    steps = {
        "merge": {},
        "organize": {"excludeByName": hidden, "renameByName": names},
        "sortBy": {"sort": [{"field": panel.sorted_by, "desc": panel.sorted_by == "month"}]},
    }
    made = table.Panel()
    for step, options in steps.items():
        made = made.with_transformation(DataTransformerConfig(id_val=step, options=options))
    return made


def main() -> None:
    """Write the file."""
    FILE.write_text(text(), "utf-8")


if __name__ == "__main__":
    main()
