"""Every algorithm is stored in the registry and loaded from it, under the versions that the lock installs."""

from __future__ import annotations

import mlflow
import numpy as np
import pytest
from mlflow.tracking import MlflowClient

from crm_assets.modeling.algorithms import ALGORITHMS
from crm_assets.modeling.matrix import feature_matrix
from crm_assets.registry import models
from crm_assets_tests.registry import deals


@pytest.mark.parametrize("name", [row.name for row in ALGORITHMS])
def test_a_calibrated_model_of_each_algorithm_scores_the_same_after_it_was_stored(
    registry: MlflowClient, name: str
) -> None:
    rows = deals.training_rows()
    candidate = deals.candidate(rows, name)
    with mlflow.start_run() as run:
        decision = models.register(candidate, rows, {}, run.info.run_id)
    loaded = models.load_champion()
    assert (loaded.version, loaded.algorithm, loaded.features) == (decision.version, name, candidate.features)
    matrix = feature_matrix(rows.table, candidate.features)
    assert np.array_equal(loaded.model.predict_proba(matrix), candidate.model.predict_proba(matrix))
    assert loaded.model.calibrator is not None
