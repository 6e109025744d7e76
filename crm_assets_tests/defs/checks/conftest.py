"""The stored tables of a small dump, without defects, for tests to damage."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crm_assets.crm.rules import Rule
from crm_assets.crm.tables import TRAINING_SET, WIN_PREDICTIONS
from crm_assets.defs.checks import crm, features, predictions, raw, snapshots
from crm_assets.defs.checks.evaluate import Verdict, evaluate
from crm_assets.defs.checks.suite import Outcome, Suite
from crm_assets.modeling.training import training_set
from crm_assets.sources.sample import SyntheticSample
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore
from crm_assets_tests.chain import run_chain, write_dump

LAST = "2023-12"
SUITES: dict[str, tuple[Suite, ...]] = {
    **{suite.name: (suite,) for suite in raw.SUITES},
    "opportunities": (crm.DEALS, crm.newest_event(lambda: LAST)),
    "monthly_snapshots": snapshots.SUITES,
    "win_features": features.MONTHLY_SUITES,
    "training_set": (features.TRAINING,),
    "win_predictions": predictions.SUITES,
}

Damage = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Tables:
    """Stored tables that a test may damage."""

    store: TableStore

    def damage(self, name: str, change: Damage, month: str | None = None) -> None:
        """Rewrite a stored table, or one month of it, and keep its types if they still fit."""
        path = str(self.store.path(name, month))
        table = pq.read_table(path)
        changed = change(table.to_pandas(types_mapper=pd.ArrowDtype))
        fields = [table.schema.field(c) for c in changed.columns if c in table.schema.names]
        known = pa.Table.from_pandas(
            changed[[field.name for field in fields]], pa.schema(fields), preserve_index=False
        )
        for extra in (column for column in changed.columns if column not in table.schema.names):
            known = known.append_column(extra, pa.array(changed[extra]))
        pq.write_table(known.replace_schema_metadata(None), path)

    def judge(
        self,
        name: str,
        *,
        on_rows: bool,
        months: list[str] | None = None,
        rules: Collection[str] | None = None,
    ) -> Verdict:
        """Judge a table: by great-expectations on its rows, or by queries of the engine.

        Args:
            name: the table.
            on_rows: which of the two judges.
            months: the months to judge; None for all.
            rules: the names of the rules to judge by; None for all. Columns and types always count.
        """
        asked = months or self.store.months(name) or None
        suites = SUITES[name]
        if rules is not None:
            kept = (replace(suite, rules=_named(suite, rules)) for suite in suites)
            suites = tuple(suite for suite in kept if suite.rules) or suites[:1]
        return evaluate(self.store, suites, asked, limit=10**9 if on_rows else -1)

    def outcomes(self, name: str, *, on_rows: bool) -> dict[str, Outcome]:
        return {outcome.rule: outcome for outcome in self.judge(name, on_rows=on_rows).outcomes}


def _named(suite: Suite, rules: Collection[str]) -> tuple[Rule, ...]:
    return tuple(rule for rule in suite.rules if rule.name in rules)


def predictions_of(features_of_month: pd.DataFrame) -> pd.DataFrame:
    """Return arbitrary but valid predictions for every open deal of a month."""
    columns = ["snapshot_month", "opportunity_id", "sales_agent", "manager", "regional_office", "product"]
    return features_of_month[[*columns, "days_open"]].assign(
        account=None,
        probability=0.25,
        probability_2_months=0.5,
        probability_3_months=0.5,
        probability_ever=0.5,
        expected_value=100.0,
        expected_revenue=25.0,
        pushed_up=[[] for _ in range(len(features_of_month))],
        pushed_down=[[] for _ in range(len(features_of_month))],
        scored_by="champion",
        algorithm="xgboost",
        model_version="1",
    )


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the stored tables of a small dump."""
    folder = tmp_path_factory.mktemp("sound")
    dump = write_dump(folder / "dump", SyntheticSample(900, seed=1))
    chain = run_chain(dump, folder / "tables")
    store = chain.store
    deals = store.read("opportunities")
    labeled = training_set(store.read("win_features", chain.months), deals)
    store.write("training_set", labeled, TRAINING_SET.arrow)
    for month in chain.months[6:]:
        frame = predictions_of(chain.features(month))
        store.write("win_predictions", frame, WIN_PREDICTIONS.arrow, month)
    return folder / "tables"


@pytest.fixture
def tables(sound: Path, tmp_path: Path) -> Tables:
    shutil.copytree(sound, tmp_path / "tables")
    return Tables(TableStore(Folder(tmp_path / "tables")))
