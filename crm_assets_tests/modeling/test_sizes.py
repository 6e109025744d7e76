"""What many rows change: only the time. And what a sample of them keeps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from crm_assets.modeling.leak_audit import leak_audit
from crm_assets.modeling.matrix import feature_matrix
from crm_assets.modeling.predict import win_scores
from crm_assets.modeling.sampling import training_sample
from crm_assets_tests.modeling.conftest import NAMES, SEED, Training


def strange_rows(sample: Training) -> pd.DataFrame:
    """The sample's rows in another order, with unknown names and nothing in some columns."""
    rows = sample.table.sample(frac=1, random_state=SEED)
    rows.iloc[:5, rows.columns.get_loc("sales_agent")] = "Nobody"
    rows.iloc[3:9, rows.columns.get_loc("sector")] = None
    rows.iloc[7:12, rows.columns.get_loc("agent_win_rate")] = np.nan
    return rows


@pytest.mark.parametrize("name", NAMES)
def test_many_rows_get_the_scores_that_the_pipeline_gives_them(
    fitted: dict[str, Pipeline], sample: Training, name: str
) -> None:
    matrix = feature_matrix(strange_rows(sample), sample.features)
    fast, slow = win_scores(fitted[name], matrix, fast_from=0), fitted[name].predict_proba(matrix)[:, 1]
    if name == "logistic_regression":
        np.testing.assert_allclose(fast, slow, rtol=0, atol=1e-12)
    else:
        assert fast.tolist() == slow.tolist()


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
    again = leak_audit(shuffled, sample.deals, sample.chain.horizon)
    assert again["verdict"].tolist() == sample.audit["verdict"].tolist()
