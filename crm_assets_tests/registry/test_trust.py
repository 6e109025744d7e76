"""Stored models are read, never executed."""

from __future__ import annotations

import pickle
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
import yaml
from mlflow.tracking import MlflowClient
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from xgboost import XGBClassifier

from crm_assets.errors import RegistryError
from crm_assets.modeling.calibration import CalibratedModel
from crm_assets.registry import models, promotion
from crm_assets.registry.aliases import MODEL
from crm_assets.registry.past import WALK_FORWARD_FILE

OURS = {"algorithm": "xgboost", "features": '["days_open"]', "trained_months": '["2023-01"]'}


class Malice:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


BEYOND = 10**6


def stored(folder: Path, trained: Any) -> Path:
    """Store a model around a fitted estimator, as our own registration does."""
    path = folder / "model.skops"
    skops.io.dump(CalibratedModel(trained, None, "xgboost"), path)
    return path


def forest() -> Any:
    """Return a small forest, one of whose children lies outside its tree."""
    X, y = np.arange(80.0).reshape(40, 2), [0, 1] * 20
    made = RandomForestClassifier(2, random_state=1).fit(X, y)
    tree = made.estimators_[0].tree_
    state = tree.__getstate__()
    state["nodes"]["left_child"][0] = BEYOND
    broken = type(tree)(tree.n_features, np.array([2]), 1)
    broken.__setstate__(state)
    made.estimators_[0].tree_ = broken
    return made


def boosted() -> Any:
    """Return a small boosting, one of whose trees goes back to its root for ever."""
    X, y = np.arange(80.0).reshape(40, 2), [0] * 20 + [1] * 20
    made = HistGradientBoostingClassifier(max_iter=1, min_samples_leaf=1).fit(X, y)
    made._predictors[0][0].nodes["left"][0] = 0
    return made


def version(client: MlflowClient, model: Path, tags: dict[str, str]) -> str:
    """Register a file as the model of a version."""
    experiment = client.get_experiment_by_name("monthly_win_probability")
    assert experiment is not None
    run = client.create_run(experiment.experiment_id)
    client.log_artifact(run.info.run_id, str(model), "model")
    if (described := model.parent / "MLmodel").exists():
        client.log_artifact(run.info.run_id, str(described), "model")
    past = model.parent / WALK_FORWARD_FILE
    past.touch()
    client.log_artifact(run.info.run_id, str(past))
    made = client.create_model_version(MODEL, f"{run.info.artifact_uri}/model", run.info.run_id, tags=tags)
    client.set_terminated(run.info.run_id)
    return str(made.version)


def test_a_stored_file_of_an_unlisted_type_is_refused(registry: MlflowClient, tmp_path: Path) -> None:
    skops.io.dump(Counter("ab"), tmp_path / "model.skops")
    with pytest.raises(RegistryError, match=r"types that are not trusted: .*collections.Counter"):
        promotion.promote(version(registry, tmp_path / "model.skops", OURS))


@pytest.mark.parametrize("made", [forest, boosted])
def test_a_forest_whose_nodes_lie_outside_it_is_refused(
    registry: MlflowClient, tmp_path: Path, made: Callable[[], Any]
) -> None:
    number = version(registry, stored(tmp_path, made()), OURS)
    said = r"is damaged or made to do harm: a tree has a node whose child lies outside the tree or before"
    with pytest.raises(RegistryError, match=said):
        promotion.promote(number)
    # The refresh of the predictions and the REST API load through the same door.
    with pytest.raises(RegistryError, match=said):
        models.load_version(registry.get_model_version(MODEL, number))


def test_a_version_whose_description_trusts_other_types_is_refused(
    registry: MlflowClient, tmp_path: Path
) -> None:
    trained = RandomForestClassifier(2).fit(np.arange(80.0).reshape(40, 2), [0, 1] * 20)
    description = {"flavors": {"sklearn": {"skops_trusted_types": ["os.system", "numpy.dtype"]}}}
    (tmp_path / "MLmodel").write_text(yaml.safe_dump(description))
    number = version(registry, stored(tmp_path, trained), OURS)
    with pytest.raises(RegistryError, match=r"asks to trust types that this project does not: os\.system\."):
        promotion.promote(number)


def test_a_pickle_is_refused_and_not_executed(registry: MlflowClient, tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_bytes(pickle.dumps(Malice(tmp_path / "executed")))
    with pytest.raises(RegistryError, match="not a model that skops wrote"):
        promotion.promote(version(registry, tmp_path / "model.skops", OURS))
    assert not (tmp_path / "executed").exists()


def test_a_version_that_is_not_ours_or_has_lost_its_files_is_refused(
    registry: MlflowClient, tmp_path: Path
) -> None:
    (tmp_path / "other.txt").touch()
    foreign = version(registry, tmp_path / "other.txt", {})
    empty = version(registry, tmp_path / "other.txt", OURS)
    with pytest.raises(RegistryError, match=r"Version 1 .*was not made by this graph"):
        promotion.promote(foreign)
    with pytest.raises(RegistryError, match=r"Version 2 .*is not a model that skops wrote"):
        promotion.promote(empty)


def test_xgboost_is_stored_in_its_own_format(tmp_path: Path) -> None:
    model = XGBClassifier(n_estimators=2).fit(np.arange(40.0).reshape(20, 2), [0, 1] * 10)
    skops.io.dump(model, tmp_path / "model.skops")
    with zipfile.ZipFile(tmp_path / "model.skops") as file:
        (booster,) = (file.read(name) for name in file.namelist() if name.endswith(".bin"))
    # XGBoost's UBJSON: an object whose first key is Config.
    assert booster.startswith(b"{L")
    assert b"Config" in booster[:20]
