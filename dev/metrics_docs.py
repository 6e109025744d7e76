"""The tables of metrics and alerts in docs/operations/metrics.md."""

from __future__ import annotations

import yaml

from crm_assets.monitoring.metrics import METRICS
from dev.marks import Part, code, table
from dev.prometheus_server import FOLDER

PAGE = "docs/operations/metrics.md"


def metrics_table() -> str:
    """Return all metrics of the pipeline."""
    header = ("metric", "labels", "from", "meaning")
    return table(header, ((f"`{m.name}`", code(m.labels), m.part, m.about) for m in METRICS))


def alerts_table() -> str:
    """Return all alert rules, with what people read of them."""
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    header = ("alert", "severity", "after", "it says", "what to do")
    return table(
        header,
        (
            (
                f"`{rule['alert']}`",
                rule["labels"]["severity"],
                rule.get("for", "at once"),
                rule["annotations"]["summary"].replace("{{ ", "`").replace(" }}", "`"),
                rule["annotations"]["remedy"],
            )
            for rule in rules
        ),
    )


METRICS_DOCS = (Part(PAGE, "metrics", metrics_table), Part(PAGE, "alerts", alerts_table))
