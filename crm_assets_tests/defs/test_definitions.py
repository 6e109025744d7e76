"""What every asset says about itself, and what the code location contains."""

from __future__ import annotations

import importlib
import re
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import PartitionLoadingContext, TemporalContext

from crm_assets.definitions import defs
from crm_assets_tests.defs.described import SNAPSHOT, described
from dev.here import loaded_anew
from dev.place import ROOT, place

RENEW = "python -m crm_assets_tests.defs.described --renew"
SPECS = sorted(defs.resolve_all_asset_specs(), key=lambda spec: spec.key)
BY_NAME = {spec.key.to_user_string(): spec for spec in SPECS}


def columns(spec: dg.AssetSpec) -> list[dg.TableColumn]:
    declared = spec.metadata["dagster/column_schema"]
    schema = declared.schema if isinstance(declared, dg.TableSchemaMetadataValue) else declared
    return list(schema.columns)


def test_the_definitions_are_those_of_the_snapshot(tmp_path: Path) -> None:
    # Load them anew, since other tests load the definitions with other settings.
    with loaded_anew(place(tmp_path / "there", CRM_SOURCE="sample").environment()):
        found = described(importlib.import_module("crm_assets.definitions").defs)
    assert found == SNAPSHOT.read_text("utf-8"), f"If that is what you meant, renew it: {RENEW}"


@pytest.mark.parametrize("name", BY_NAME)
def test_every_asset_says_what_it_is(name: str) -> None:
    spec = BY_NAME[name]
    assert len((spec.description or "").splitlines()[0]) > 20
    assert spec.owners
    assert 2 <= len(spec.kinds) <= 3
    assert spec.tags["domain"] == "crm"
    assert spec.group_name not in (None, "default")
    assert re.fullmatch("[0-9a-f]{12}", spec.code_version or "")
    assert all(column.description for column in columns(spec))


def test_every_asset_that_a_step_makes_links_to_its_code() -> None:
    graph = defs.resolve_asset_graph()
    for spec in SPECS:
        if graph.get(spec.key).is_executable:
            [reference] = spec.metadata["dagster/code_references"].code_references
            # Not the decorator round it.
            assert "assets" in Path(reference.file_path).relative_to(ROOT / "crm_assets" / "defs").parts
            assert reference.line_number > 1


def test_plots_by_month_end_with_the_data(tmp_path: Path) -> None:
    # Dagster's UI asks for the newest months like this, and draws all that it gets.
    now = TemporalContext(effective_dt=datetime.now(UTC), last_event_id=None)
    context = PartitionLoadingContext(temporal_context=now, dynamic_partitions_store=None)
    with loaded_anew(place(tmp_path / "there", CRM_SOURCE="sample").environment()):
        monthly = importlib.import_module("crm_assets.defs.partitions").monthly
        assert monthly.get_paginated_partition_keys(context, 120, ascending=False).results[0] == "2023-12"


def test_assets_that_compute_something_else_have_another_code_version() -> None:
    names = ("opportunities", "monthly_snapshots", "win_features", "training_set", "leak_audit", "champion")
    assert len({BY_NAME[name].code_version for name in names}) == len(names)
