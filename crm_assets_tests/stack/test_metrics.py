"""Grafana's dashboard and the alert rules on a real Prometheus that scrapes the exporter and the REST API."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from crm_assets.monitoring.metrics import METRICS, end_of
from dev.api_server import EXPORTER, api_server, served
from dev.place import ROOT, Place
from dev.prometheus_server import FOLDER, is_installed, prometheus_server
from dev.waiting import wait_until

DASHBOARD = ROOT / "docker" / "grafana" / "dashboards" / "crm_assets.json"
RULES = yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))
# What the dashboard and the rules fill in, for scrapes every second.
FILLED_IN = {"$__rate_interval": "30s", "[5m]": "[30s]"}

pytestmark = pytest.mark.skipif(not is_installed(), reason="Debian's package prometheus is not installed")


@dataclass(frozen=True)
class Scraped:
    """A Prometheus with the metrics of a finished run and of an API that has answered."""

    address: str
    exporter: str
    there: Place

    def series(self, expression: str) -> list[dict[str, Any]]:
        for name, value in FILLED_IN.items():
            expression = expression.replace(name, value)
        said = requests.get(f"{self.address}/api/v1/query", {"query": expression}, timeout=30).json()
        assert said["status"] == "success", (expression, said)
        return said["data"]["result"]


@pytest.fixture(scope="module")
def scraped(local_run: tuple[Place, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    folder = tmp_path_factory.mktemp("prometheus")
    # A copy, with its history: monitoring adds to it what came of the forecasts.
    there = replace(local_run[0], folder=folder / "place")
    shutil.copytree(local_run[0].folder, there.folder)
    done = there.python("-m", "crm_assets.console.monitor")
    assert done.returncode == 0, done.stdout + done.stderr
    environment = there.environment()
    with (
        served(EXPORTER, folder, environment) as (exporter, _),
        api_server(folder, environment) as (api, _),
    ):
        targets = {"crm_pipeline": exporter, "crm_api": api}
        hosts = {name: address.removeprefix("http://") for name, address in targets.items()}
        with prometheus_server(folder, hosts) as address:
            found = Scraped(address, exporter, there)

            def ready() -> bool:
                assert requests.get(f"{api}/v1/model", timeout=60).ok
                # A rate needs two scrapes between which the counter has grown.
                both = len(found.series("up == 1")) == len(targets)
                return both and bool(found.series("rate(crm_api_requests_total[5m]) > 0"))

            wait_until(ready, "two scrapes", lambda: found.series("count_over_time(up[10m])"))
            yield found


def expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def test_every_expression_of_the_dashboard_has_data(scraped: Scraped) -> None:
    assert len(expressions()) > 30
    assert [expression for expression in expressions() if not scraped.series(expression)] == []


def test_the_exporter_writes_what_prometheus_calls_good_style(scraped: Scraped) -> None:
    text = requests.get(f"{scraped.exporter}/metrics", timeout=60).text
    done = promtool("check", "metrics", text=text)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    names = set(re.findall(r"^# TYPE (\S+) gauge$", text, re.MULTILINE))
    assert names <= {metric.name for metric in METRICS}
    # Agents, managers and products have no series of their own.
    predictions = scraped.there.frame("win_predictions", max(scraped.there.months("win_predictions")))
    for column in ("sales_agent", "manager", "product", "account", "opportunity_id"):
        for value in predictions.get(column, ()):
            assert value is None or f'"{value}"' not in text


def test_all_values_of_a_finished_run_are_there(scraped: Scraped) -> None:
    assert {row["value"][1] for row in scraped.series("crm_exporter_up")} == {"1"}
    rows = {(r["metric"]["asset"], r["metric"].get("month")): r for r in scraped.series("crm_asset_rows")}
    month = max(scraped.there.months("win_predictions"))
    stored = scraped.there.frame("win_predictions", month)
    assert int(rows["win_predictions", month]["value"][1]) == len(stored)
    (until,) = scraped.series("crm_predictions_month_end_timestamp_seconds")
    assert float(until["value"][1]) == end_of(month)


def test_the_rules_load_and_a_finished_run_raises_no_alert(scraped: Scraped) -> None:
    groups = requests.get(f"{scraped.address}/api/v1/rules", timeout=30).json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == sum(len(group["rules"]) for group in RULES["groups"])
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}
    # The sample's calendar has ended, so nothing is late; two alerts judge the forecast and quality.
    firing = {rule["name"] for rule in rules if rule["state"] == "firing"}
    assert firing <= {"CrmForecastOff"}


# By alert: series in which it fires, and in which it does not, after 200 days.
LIVE, OVER = {"crm_calendar_open": "1x200"}, {"crm_calendar_open": "0x200"}
SUCCESS = 'crm_asset_last_success_timestamp_seconds{asset="win_predictions",month="1970-01"}'
FAILED, DONE = (
    f'crm_run_last_end_timestamp_seconds{{status="{status}"}}' for status in ("failure", "success")
)
OFF, QUALITY = 'crm_last_month_wins_error_ratio{by="%s"}', 'crm_table_quality_ratio{table="%s"}'
REGISTRY, REQUESTS = 'crm_exporter_up{part="registry"}', 'crm_api_requests_total{status="%s"}'
KNOWN, TRAINED = "crm_data_known_until_timestamp_seconds", "crm_champion_trained_until_timestamp_seconds"
LIMIT = {"crm_champion_age_limit_seconds": "8640000x200"}
# 190 days after the start, which is 10 days before the moment of judging.
LATELY = "16416000x200"
Series = dict[str, str]
CASES: dict[str, tuple[list[Series], list[Series]]] = {
    "CrmMetricsMissing": (
        [{'up{job="crm_pipeline"}': "0x200"}],
        [{'up{job="crm_pipeline"}': "1x200"}, {'up{job="crm_api"}': "0x200"}],
    ),
    "CrmPartUnreadable": ([{REGISTRY: "0x200"}], [{REGISTRY: "1x200"}]),
    "CrmRunFailed": (
        [{FAILED: "20x200", DONE: "10x200"}, {FAILED: "20x200"}],
        [{FAILED: "10x200", DONE: "20x200"}, {DONE: "20x200"}],
    ),
    "CrmNoSuccess": (
        [{SUCCESS: "0x200"} | LIVE],
        [{SUCCESS: "0x200"} | OVER, {SUCCESS: LATELY} | LIVE],
    ),
    "CrmDataOld": ([{KNOWN: "0x200"} | LIVE], [{KNOWN: "0x200"} | OVER, {KNOWN: LATELY} | LIVE]),
    "CrmNoChampion": (
        [{REGISTRY: "1x200"}],
        [{REGISTRY: "0x200"}, {REGISTRY: "1x200", 'crm_champion_info{version="3"}': "1x200"}],
    ),
    "CrmChampionOld": (
        [{TRAINED: "0x200"} | LIMIT | LIVE],
        [{TRAINED: "0x200"} | LIMIT | OVER, {TRAINED: LATELY} | LIMIT | LIVE],
    ),
    "CrmForecastOff": (
        [{OFF % "model": "-0.4x200"}, {OFF % "model": "0.4x200"}],
        [{OFF % "model": "0.2x200", OFF % "season": "2x200"}],
    ),
    "CrmQualityLow": (
        [{QUALITY % "win_features": "0.9x200"}],
        [{QUALITY % "win_features": "1x200", QUALITY % "raw_accounts": "0.5x200"}],
    ),
    "CrmApiErrors": (
        [{REQUESTS % "200": "0+9x200", REQUESTS % "500": "0+1x200"}],
        [{REQUESTS % "200": "0+99x200", REQUESTS % "500": "0+1x200"}, {REQUESTS % "200": "0+9x200"}],
    ),
    "CrmApiPartUnhealthy": (
        [{'crm_api_healthy{part="redis"}': "0x200"}],
        [{'crm_api_healthy{part="redis"}': "1x200"}],
    ),
}


def judged(expression: str, step: str, series: Series, fires: bool) -> dict[str, Any]:
    """Return a case for promtool."""
    expected = [{"labels": "{}", "value": 1}] if fires else []
    moment = step.replace("1", "200")
    return {
        "interval": step,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {"expr": f"count({expression})", "eval_time": moment, "exp_samples": expected},
        ],
    }


def test_alerts_fire_when_they_should_and_only_then(tmp_path: Path) -> None:
    rules = {rule["alert"]: rule["expr"] for group in RULES["groups"] for rule in group["rules"]}
    assert set(CASES) == set(rules)
    # Rates need samples within minutes.
    tests: dict[str, list[dict[str, Any]]] = {"1m": [], "1d": []}
    for alert, (firing, quiet) in CASES.items():
        step = "1m" if "rate(" in rules[alert] else "1d"
        tests[step] += [judged(rules[alert], step, series, True) for series in firing]
        tests[step] += [judged(rules[alert], step, series, False) for series in quiet]
    for step, cases in tests.items():
        file = tmp_path / f"{step}.yml"
        file.write_text(yaml.safe_dump({"evaluation_interval": step, "tests": cases}))
        done = promtool("test", "rules", str(file))
        assert done.returncode == 0, done.stdout + done.stderr


def promtool(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, check=False)


def test_the_configuration_is_sound() -> None:
    done = promtool("check", "config", str(FOLDER / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
