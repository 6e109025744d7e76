"""`python -m dev.reference_docs`: write the parts of docs/ that follow from the code."""

from __future__ import annotations

import re
from collections.abc import Iterator

import dagster as dg

from crm_assets.crm.deal_feature_table import DEAL_FEATURES
from crm_assets.crm.feature import Bounds, Feature
from crm_assets.crm.feature_table import FEATURES
from crm_assets.definitions import defs
from crm_assets.defs.checks import crm, features, predictions, raw, snapshots
from crm_assets.defs.checks.suite import Suite
from crm_assets.defs.metadata import OPTIONAL_TAG
from crm_assets.defs.partitions import last_month
from dev.architecture_docs import ARCHITECTURE
from dev.argument_docs import ARGUMENTS
from dev.marks import Part, code, table
from dev.metrics_docs import METRICS_DOCS
from dev.place import ROOT
from dev.rest_docs import REST
from dev.settings_docs import SETTINGS
from dev.tables_docs import TABLES

# The groups of the graph, in the order in which data flows; others follow.
GROUPS = ("raw", "crm", "snapshots", "features", "models", "tuning", "predictions")
SEVERITIES = {"must": "stops what comes after it", "should": "warns"}


def specs() -> list[dg.AssetSpec]:
    """Return all assets, by group and name."""
    found = sorted(defs.resolve_all_asset_specs(), key=lambda spec: (spec.group_name, spec.key))
    places = {name: place for place, name in enumerate(GROUPS)}
    return sorted(found, key=lambda spec: places.get(spec.group_name or "", len(places)))


def graph() -> str:
    """Return all assets with what they hold and what they are made from."""
    header = ("group", "asset", "one row is, or what it holds", "partitions", "made from")
    return table(header, ([*_asset(spec), _made_from(spec)] for spec in specs()))


def columns() -> str:
    """Return the columns of each asset's table."""
    return "\n".join(_columns(spec) for spec in specs()).strip()


def win_features() -> str:
    """Return the features of `win_features`."""
    return _features(FEATURES)


def deal_features() -> str:
    """Return the features of `deal_features`."""
    return _features(DEAL_FEATURES)


def checks() -> str:
    """Return all checks and what a broken one does."""
    graph = defs.resolve_asset_graph()
    keys = sorted(graph.asset_check_keys, key=lambda key: key.to_user_string())
    specs = [graph.get_check_spec(key) for key in keys]
    rows = (
        (
            f"`{spec.asset_key.to_user_string()}`",
            f"`{spec.name}`",
            spec.description or "",
            SEVERITIES["must" if spec.blocking else "should"],
        )
        for spec in specs
    )
    return table(("asset", "check", "what it says", "if broken"), rows)


def rules() -> str:
    """Return the rules of the gates, by table."""
    found: dict[str, dict[str, list[str]]] = {}
    for suite in _suites():
        for rule in suite.rules:
            names = found.setdefault(suite.name, {}).setdefault(rule.severity, [])
            if rule.name not in names:
                names.append(rule.name)
    rows = (
        (f"`{name}`", SEVERITIES[severity], code(names))
        for name, by_severity in found.items()
        for severity, names in by_severity.items()
    )
    return table(("table", "if broken", "rules"), rows)


def targets() -> str:
    """Return the targets of the Makefile with their sentences."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    rows = re.findall(r"^([a-z-]+):.*## (.+)$", makefile, re.MULTILINE)
    return table(("command", "what it does"), ((f"`make {name}`", said) for name, said in rows))


def jobs() -> str:
    """Return the jobs of the graph, with what starts them."""
    repository = defs.get_repository_def()
    starts: dict[str, list[str]] = {}
    for schedule in repository.schedule_defs:
        starts.setdefault(schedule.job_name, []).append(f"schedule `{schedule.name}`")
    for sensor in repository.sensor_defs:
        for target in sensor.targets:
            starts.setdefault(target.job_name, []).append(f"sensor `{sensor.name}`")
    named = [job for job in defs.resolve_all_job_defs() if not job.name.startswith("__")]
    rows = (
        (
            f"`{job.name}`",
            # One job also names the source of this machine.
            (job.description or "").split(" Source in force")[0],
            ", ".join(starts.get(job.name, [])) or "you",
        )
        for job in sorted(named, key=lambda job: job.name)
    )
    return table(("job", "what it does", "started by"), rows)


def main() -> None:
    """Write all parts."""
    for part in PARTS:
        part.write()


def _asset(spec: dg.AssetSpec) -> list[str]:
    first = (spec.description or "").split("\n\n")[0].replace("\n", " ")
    name = spec.key.to_user_string()
    return [spec.group_name or "", f"[`{name}`](tables.md#{name})", first, _partitions(spec)]


def _partitions(spec: dg.AssetSpec) -> str:
    if spec.partitions_def is None:
        return ""
    return "by table" if isinstance(spec.partitions_def, dg.StaticPartitionsDefinition) else "monthly"


def _made_from(spec: dg.AssetSpec) -> str:
    return code(sorted(dep.asset_key.to_user_string() for dep in spec.deps))


def _columns(spec: dg.AssetSpec) -> str:
    schema: dg.TableSchema = spec.metadata["dagster/column_schema"]
    rows = (
        (
            f"`{column.name}`{' (if the CRM has it)' if OPTIONAL_TAG in (column.tags or {}) else ''}",
            column.type,
            "" if column.constraints.nullable else "yes",
            column.description or "",
        )
        for column in schema.columns
    )
    said = (spec.description or "").split("\n\n")[0].replace("\n", " ")
    shown = table(("column", "type", "always filled", "meaning"), rows)
    return f"\n## {spec.key.to_user_string()}\n\n{said}\n\n{shown}"


def _features(rows: tuple[Feature, ...]) -> str:
    header = ("#", "feature", "type", "unit", "meaning as of the month's end", "range")
    return table(
        header,
        (
            (number, f"`{row.name}`", row.dtype, row.unit, row.description, _range(row.bounds))
            for number, row in enumerate(rows, start=1)
        ),
    )


def _range(bounds: Bounds | None) -> str:
    if bounds is None or bounds == (None, None):
        return ""
    low, high = ("" if bound is None else f"{bound:g}" for bound in bounds)
    return f"{low} to {high}" if low and high else f"from {low}" if low else f"up to {high}"


def _suites() -> Iterator[Suite]:
    for module in (raw, crm, snapshots, features, predictions):
        for value in vars(module).values():
            ones = value if isinstance(value, tuple) else (value,)
            yield from (one for one in ones if isinstance(one, Suite))
    yield crm.newest_event(last_month)


PARTS = (
    SETTINGS,
    TABLES,
    Part("docs/reference/graph.md", "graph", graph),
    Part("docs/reference/tables.md", "columns", columns),
    Part("docs/reference/features.md", "win_features", win_features),
    Part("docs/reference/features.md", "deal_features", deal_features),
    Part("docs/reference/checks.md", "checks", checks),
    Part("docs/reference/checks.md", "rules", rules),
    Part("docs/reference/commands.md", "targets", targets),
    ARGUMENTS,
    Part("docs/reference/commands.md", "jobs", jobs),
    *REST,
    *METRICS_DOCS,
    *ARCHITECTURE,
)

if __name__ == "__main__":
    main()
