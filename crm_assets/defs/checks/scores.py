"""The asset `quality_scores`: the results of the checks, with one partition per table that has gates.

Dagster runs the checks, not this asset. Every run of the checks updates it, whether a run of the graph or
`make checks` starts them, and even if a gate fails.
"""

from __future__ import annotations

import dagster as dg
import pandas as pd

from crm_assets.crm.tables import QUALITY_SCORES
from crm_assets.defs.assets.options import facts
from crm_assets.defs.checks.evaluate import Verdict, evaluate
from crm_assets.defs.metadata import DATA_VERSION, Fact, table
from crm_assets.defs.resources.tables import data_version, digest
from crm_assets.storage.tables import TableStore


def quality_scores(tables: list[str]) -> dg.AssetSpec:
    """Return the definition of the asset.

    Args:
        tables: the names of the tables that have gates.
    """
    spec = dg.AssetSpec(
        QUALITY_SCORES.name,
        deps=tables,
        description=QUALITY_SCORES.description,
        **facts(QUALITY_SCORES, "quality", "greatexpectations", code=(evaluate,)),
    )
    return spec.replace_attributes(partitions_def=dg.StaticPartitionsDefinition(tables))


def keep(store: TableStore, verdict: Verdict, history: list[str] | None) -> dg.AssetMaterialization:
    """Store the counts of a judged table beside those of its other months.

    Args:
        store: the store of the counts.
        verdict: the result of judging the table.
        history: the stored months of the table; None if it has no months.

    Returns:
        The event that reports it to Dagster.
    """
    judged = [
        {"table": verdict.table, "month": month, "rows": rows, "clean_rows": clean}
        for month, (rows, clean) in verdict.counts.items()
    ]
    frame = pd.DataFrame(judged, columns=pd.Index(QUALITY_SCORES.names))
    if verdict.table in store.months(QUALITY_SCORES.name):
        before = store.to_pandas(store.read(QUALITY_SCORES.name, [verdict.table]))
        others = before["month"].isin(set(history or []) - set(verdict.counts))
        frame = pd.concat([frame, before[others]]) if others.any() else frame
    frame = frame.sort_values("month")
    rows = store.write(QUALITY_SCORES.name, frame, QUALITY_SCORES.arrow, verdict.table)
    version = data_version([digest(store.path(QUALITY_SCORES.name, verdict.table))])
    return dg.AssetMaterialization(
        QUALITY_SCORES.name,
        partition=verdict.table,
        metadata={
            Fact.ROW_COUNT: rows,
            Fact.PATH: dg.MetadataValue.path(store.where(QUALITY_SCORES.name, verdict.table)),
            Fact.QUALITY_SCORE: verdict.score,
            Fact.SCORES: table(frame),
        },
        tags={DATA_VERSION: version.value},
    )
