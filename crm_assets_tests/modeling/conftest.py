"""The chain from features to champion, run once per session on a sample and on the real dump."""

from __future__ import annotations

import csv
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from crm_assets.modeling.algorithm import TRAINING_ROWS
from crm_assets.modeling.algorithms import ALGORITHMS, algorithm
from crm_assets.modeling.backtest import walk_forward
from crm_assets.modeling.champion import Candidate, candidate
from crm_assets.modeling.folds import FoldModels, Split, last_lesson, learn, split_months
from crm_assets.modeling.leak_audit import admissible_features, leak_audit
from crm_assets.modeling.training import training_set
from crm_assets.modeling.training_rows import HeldRows
from crm_assets.sources.sample import SyntheticSample
from crm_assets_tests.chain import Chain, rewrite_dump_after, run_chain, write_dump

SEED = 11
NAMES = [row.name for row in ALGORITHMS]
# Those that learn from labeled rows, so that a test can change what they see in the training set.
OF_ROWS = [row.name for row in ALGORITHMS if row.learns_from == TRAINING_ROWS]
ACCOUNT_FEATURES = [
    "sector",
    "account_revenue",
    "account_employees",
    "account_age_years",
    "is_subsidiary",
    "has_account",
    "account_win_rate",
    "account_closed_deals",
]


@dataclass(frozen=True)
class Training:
    """The input of models: the training set, all deals, the audit's verdicts, the split."""

    chain: Chain
    table: pd.DataFrame
    deals: pd.DataFrame
    audit: pd.DataFrame
    features: list[str]
    split: Split

    @property
    def rows(self) -> HeldRows:
        return HeldRows(self.table)

    def backtest(
        self,
        name: str,
        months: list[str],
        table: pd.DataFrame | None = None,
        models: FoldModels | None = None,
    ) -> pd.DataFrame:
        rows = self.rows if table is None else HeldRows(table)
        return walk_forward(algorithm(name), rows, self.features, months, SEED, models, self.chain.snapshot)

    def candidate(
        self,
        backtests: dict[str, pd.DataFrame],
        split: Split | None = None,
        models: FoldModels | None = None,
    ) -> Candidate:
        return candidate(
            self.rows, self.features, backtests, split or self.split, SEED, models, self.chain.snapshot
        )


def fit(name: str, table: pd.DataFrame, features: list[str]) -> Pipeline:
    """Fit an algorithm on all rows of a table."""
    return learn(algorithm(name), last_lesson(HeldRows(table), features, SEED))


@dataclass(frozen=True)
class Rewritten:
    """The tables of the sample if everything after the end of a month had been different."""

    month: str
    chain: Chain


def table_of(chain: Chain) -> pd.DataFrame:
    """Return the training set of all months."""
    store = chain.store
    features, deals = store.read("win_features", chain.months), store.read("opportunities")
    return store.to_pandas(training_set(features, deals))


def training_of(chain: Chain, min_training_months: int = 3) -> Training:
    table = table_of(chain)
    split = split_months(table["snapshot_month"].unique().tolist(), min_training_months, 3)
    audit = leak_audit(
        HeldRows(table), chain.opportunities(), chain.horizon, validation=split.validation, seed=SEED
    )
    return Training(chain, table, chain.opportunities(), audit, admissible_features(audit), split)


@pytest.fixture(scope="session")
def sample_dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a synthetic CRM that is large enough to learn from."""
    return write_dump(tmp_path_factory.mktemp("sample") / "dump", SyntheticSample(1_500, seed=2))


@pytest.fixture(scope="session")
def sample(sample_dump: Path) -> Training:
    return training_of(run_chain(sample_dump, sample_dump.parent / "tables"), min_training_months=4)


@pytest.fixture(scope="session")
def rewritten(sample: Training, sample_dump: Path, tmp_path_factory: pytest.TempPathFactory) -> Rewritten:
    base, month = tmp_path_factory.mktemp("rewritten"), sample.split.scored[3]
    dump = Path(shutil.copytree(sample_dump, base / "dump"))
    rewrite_dump_after(dump, month, seed=8)
    return Rewritten(month, run_chain(dump, base / "tables", sample.chain.months))


@pytest.fixture(scope="session")
def sample_backtests(sample: Training) -> dict[str, pd.DataFrame]:
    """Return the scores of two algorithms that are fitted fast."""
    names = ("logistic_regression", "xgboost")
    return {name: sample.backtest(name, sample.split.scored) for name in names}


@pytest.fixture(scope="session")
def sample_candidate(sample: Training, sample_backtests: dict[str, pd.DataFrame]) -> Candidate:
    return sample.candidate(sample_backtests)


@pytest.fixture(scope="session")
def fitted(sample: Training) -> dict[str, Pipeline]:
    """Fit each algorithm on the sample's months before the test months."""
    early = sample.table[sample.table["snapshot_month"] < sample.split.test[0]]
    return {name: fit(name, early, sample.features) for name in OF_ROWS}


@pytest.fixture(scope="session")
def real(real_dump: Path, tmp_path_factory: pytest.TempPathFactory) -> Training:
    return training_of(run_chain(real_dump, tmp_path_factory.mktemp("real"), _TRAINING_MONTHS))


@pytest.fixture(scope="session")
def complete(real_dump: Path, tmp_path_factory: pytest.TempPathFactory) -> Training:
    """Return the real dump as if every deal had an account from the start."""
    dump = tmp_path_factory.mktemp("complete") / "dump"
    shutil.copytree(real_dump, dump)
    with (dump / "accounts.csv").open() as file:
        accounts = [row["account"] for row in csv.DictReader(file)]
    deals = pd.read_csv(dump / "sales_pipeline.csv", dtype=str, keep_default_na=False)
    choice = random.Random(4)  # noqa: S311
    deals["account"] = [name or choice.choice(accounts) for name in deals["account"]]
    deals.to_csv(dump / "sales_pipeline.csv", index=False)
    return training_of(run_chain(dump, dump.parent / "tables", _TRAINING_MONTHS))


@pytest.fixture(scope="session")
def real_backtests(real: Training) -> dict[str, pd.DataFrame]:
    return {name: real.backtest(name, real.split.scored) for name in NAMES}


@pytest.fixture(scope="session")
def real_candidate(real: Training, real_backtests: dict[str, pd.DataFrame]) -> Candidate:
    return real.candidate(real_backtests)


# The last one has no labels, but models are refitted on its snapshot.
_TRAINING_MONTHS = [f"2017-{month:02d}" for month in range(2, 13)]
