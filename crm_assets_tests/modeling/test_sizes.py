"""Many rows change only the run time, and a sample keeps its promises."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from crm_assets.crm.tables import WIN_FEATURES
from crm_assets.modeling.algorithm import Algorithm
from crm_assets.modeling.algorithms import algorithm
from crm_assets.modeling.backtest import walk_forward
from crm_assets.modeling.baselines import seasonal_rate
from crm_assets.modeling.leak_audit import leak_audit
from crm_assets.modeling.sampling import training_sample
from crm_assets.modeling.training_rows import HeldRows, StoredRows
from crm_assets_tests.modeling.conftest import NAMES, SEED, Training


def test_a_table_within_the_limit_is_taken_whole(sample: Training) -> None:
    assert training_sample(sample.table, len(sample.table), SEED) is sample.table


def test_a_sample_has_equally_many_rows_of_each_month_and_is_drawn_again_alike(sample: Training) -> None:
    months = sample.table["snapshot_month"].nunique()
    drawn = training_sample(sample.table, 20 * months + 1, SEED)
    assert set(drawn.groupby("snapshot_month").size()) == {20}
    assert drawn.index.is_monotonic_increasing
    shuffled = sample.table.sample(frac=1, random_state=1)
    again = training_sample(shuffled, 20 * months + 1, SEED)
    assert sorted(again.index) == sorted(drawn.index)
    other = training_sample(sample.table, 20 * months + 1, SEED + 1)
    assert sorted(other.index) != sorted(drawn.index)


def test_a_month_is_sampled_alike_whatever_months_stand_beside_it(sample: Training) -> None:
    table = sample.table
    first = table[table["snapshot_month"] <= sorted(table["snapshot_month"].unique())[1]]
    few, many = training_sample(first, 40, SEED), training_sample(first, 20, SEED)
    assert set(many.index) < set(few.index)


def test_the_order_of_rows_does_not_change_the_audit(sample: Training) -> None:
    shuffled = sample.table.sample(frac=1, random_state=SEED)
    again = leak_audit(HeldRows(shuffled), sample.deals, sample.chain.horizon)
    assert again["verdict"].tolist() == sample.audit["verdict"].tolist()


def write(table: pd.DataFrame, path: Path) -> Path:
    pq.write_table(pa.Table.from_pandas(table, WIN_FEATURES.arrow, preserve_index=False), path)
    return path


@pytest.fixture(scope="module")
def file(sample: Training, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(sample.table, tmp_path_factory.mktemp("stored") / "training_set.parquet")


@pytest.fixture(scope="module")
def stored(file: Path) -> StoredRows:
    return StoredRows(file)


def few_rows(name: str) -> Algorithm:
    """Return an algorithm that takes fewer rows than there are, so that each month gives only some."""
    return replace(algorithm(name), max_training_rows=700)


@pytest.mark.parametrize("name", NAMES)
def test_a_training_set_read_by_month_gives_the_scores_of_one_held_in_memory(
    sample: Training, file: Path, name: str
) -> None:
    months = [sample.split.scored[0], sample.split.scored[-1]]
    for contender in (algorithm(name), few_rows(name)):
        held, read = (
            walk_forward(contender, rows, sample.features, months, SEED, None, sample.chain.snapshot)
            for rows in (sample.rows, StoredRows(file))
        )
        assert_frame_equal(read, held)


def test_the_audit_and_the_baseline_are_the_same_read_by_month(sample: Training, stored: StoredRows) -> None:
    validation = sample.split.validation
    audit = leak_audit(stored, sample.deals, sample.chain.horizon, validation=validation, seed=SEED)
    assert_frame_equal(audit, sample.audit)
    months = sample.split.scored
    assert_frame_equal(seasonal_rate(stored, months), seasonal_rate(sample.rows, months))


def test_a_file_that_is_replaced_meanwhile_is_read_to_its_end(sample: Training, tmp_path: Path) -> None:
    rows = StoredRows(write(sample.table, tmp_path / "training_set.parquet"))
    write(sample.table.head(50), tmp_path / "draft").replace(tmp_path / "training_set.parquet")
    assert_frame_equal(rows.rows(rows.months), sample.table)


def test_a_sample_is_drawn_from_one_month_at_a_time(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[list[str]] = []
    whole = StoredRows._read
    monkeypatch.setattr(StoredRows, "_read", lambda self, months: read.append(months) or whole(self, months))
    fresh = StoredRows(file)
    for last in (6, 8):
        assert len(fresh.sample(fresh.months[:last], 240, SEED)) == 240
    # The second sample needs fewer rows of the first months, so they are not read again.
    assert read == [[month] for month in fresh.months[:8]]
