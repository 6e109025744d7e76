"""Grafana's and Prometheus' files agree with each other, the compose file and the metrics of the code."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from crm_assets.monitoring.metrics import METRICS
from crm_assets.serving.metrics import Metrics
from dev.stack.compose import COMPOSE_FILE, interpolate, read_services
from dev.stack.secret_values import new_secrets

FOLDER = COMPOSE_FILE.parent
SPECS = yaml.safe_load(COMPOSE_FILE.read_text("utf-8"))["services"]
DASHBOARD = json.loads((FOLDER / "grafana" / "dashboards" / "crm_assets.json").read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text("utf-8"))


def mounts(service: str) -> dict[str, str]:
    """Return what a service sees of the repository: the folder here, by its place there."""
    found = (volume.split(":") for volume in SPECS[service]["volumes"])
    return {there: here for here, there, *_ in found if here.startswith("./")}


def test_the_dashboard_asks_the_data_source_that_is_provisioned() -> None:
    (source,) = read("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    asked = {panel["datasource"]["uid"] for panel in PANELS}
    asked |= {target["datasource"]["uid"] for panel in PANELS for target in panel["targets"]}
    assert asked == {source["uid"]}
    assert source["url"] == "http://prometheus:9090"


def test_grafana_finds_provisioning_and_dashboards_where_they_are_mounted() -> None:
    (provider,) = read("grafana/provisioning/dashboards/crm_assets.yml")["providers"]
    assert mounts("grafana") == {
        "/etc/grafana/provisioning": "./grafana/provisioning",
        provider["options"]["path"]: "./grafana/dashboards",
    }
    home = SPECS["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/crm_assets.json"


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_prometheus_scrapes_the_services_of_the_compose_file() -> None:
    services = read_services(new_secrets())
    ports = {"metrics": "CRM_METRICS_PORT", "api": "CRM_API_PORT"}
    expected = {f"{name}:{services[name].environment[port]}" for name, port in ports.items()}
    jobs = read("prometheus/prometheus.yml")["scrape_configs"]
    assert {target for job in jobs for one in job["static_configs"] for target in one["targets"]} == expected
    assert mounts("prometheus") == {"/etc/prometheus": "./prometheus"}
    config = next(part for part in SPECS["prometheus"]["command"] if part.startswith("--config.file="))
    assert interpolate(config, {}) == "--config.file=/etc/prometheus/prometheus.yml"


def test_dashboard_and_rules_name_only_metrics_that_the_code_has() -> None:
    api = {sample.name for family in Metrics().registry.collect() for sample in family.samples}
    api |= {
        f"{family.name}{end}" for family in Metrics().registry.collect() for end in ("", "_total", "_bucket")
    }
    known = {metric.name for metric in METRICS} | api
    rules = [rule["expr"] for group in read("prometheus/alerts.yml")["groups"] for rule in group["rules"]]
    asked = [target["expr"] for panel in PANELS for target in panel["targets"]]
    named = {name for expression in [*rules, *asked] for name in re.findall(r"\bcrm_\w+", expression)}
    # Names of jobs.
    named -= {job["job_name"] for job in read("prometheus/prometheus.yml")["scrape_configs"]}
    assert named - known == set()
