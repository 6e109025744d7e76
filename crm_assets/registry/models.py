"""The registered model: its versions, and the aliases `champion` and `challenger`."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path

import mlflow
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import skops.io
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.tracking import MlflowClient

from crm_assets.errors import NotEnoughDataError, StorageError
from crm_assets.modeling.backtest import KEYS
from crm_assets.modeling.calibration import CalibratedModel
from crm_assets.modeling.champion import Candidate
from crm_assets.modeling.matrix import feature_matrix
from crm_assets.modeling.metrics import pooled
from crm_assets.modeling.scoring import Champion

MODEL = "monthly_win_probability_model"
CHAMPION, CHALLENGER = "champion", "challenger"
WALK_FORWARD_FILE = "walk_forward.parquet"

# Types beyond scikit-learn's own that a stored model may hold; nothing else is ever loaded.
TRUSTED_TYPES = [
    "crm_assets.modeling.calibration.CalibratedModel",
    "numpy.dtype",
    "scipy._lib.array_api_compat.numpy._aliases.asarray",
    "scipy.interpolate._bsplines.BSpline",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
]


@dataclass(frozen=True)
class Decision:
    """What became of a candidate.

    Attributes:
        version: the version it was registered as.
        promoted: whether it is champion now.
        reason: why, in a sentence.
        champion_version: the version that is champion now.
        former_version: the version that was champion before, or None.
        former_test: its metrics on the candidate's test months, or None where it has none.
    """

    version: str
    promoted: bool
    reason: str
    champion_version: str
    former_version: str | None
    former_test: dict[str, float] | None


def register(candidate: Candidate, table: pd.DataFrame, tags: dict[str, str], run_id: str) -> Decision:
    """Log a candidate to the active run, register it, and make it champion if it is no worse.

    Args:
        candidate: the model and its evidence.
        table: the training set, for the former champion's scores on the same months.
        tags: put on the model version, as `dagster.run_id`.
        run_id: the active MLflow run.

    Returns:
        The decision; its numbers stand in the version's tags.
    """
    former = find_champion()
    version = _store(candidate, table, tags, run_id)
    own = pooled(candidate.walk_forward, candidate.split.test)
    theirs = None if former is None else _test_scores(former, candidate, table)
    promoted, reason = _judge(own, former, theirs, candidate.features)
    client = MlflowClient()
    client.set_registered_model_alias(MODEL, CHAMPION if promoted else CHALLENGER, version)
    client.set_model_version_tag(MODEL, version, "decision", "promoted" if promoted else "not promoted")
    client.set_model_version_tag(MODEL, version, "decision_reason", reason)
    before = None if former is None else former.version
    return Decision(version, promoted, reason, version if promoted else str(before), before, theirs)


def find_champion() -> Champion | None:
    """The model version that holds the alias `champion`, or None where none does."""
    client = MlflowClient()
    try:
        version = client.get_model_version_by_alias(MODEL, CHAMPION)
    except MlflowException as error:
        if error.error_code in (ErrorCode.Name(RESOURCE_DOES_NOT_EXIST), "INVALID_PARAMETER_VALUE"):
            return None
        raise
    return _load(version)


def load_champion() -> Champion:
    """The model version that holds the alias `champion`.

    Raises:
        NotEnoughDataError: there is no champion yet.
    """
    champion = find_champion()
    if champion is None:
        raise NotEnoughDataError(
            f"No version of {MODEL} has the alias {CHAMPION}: materialise the asset champion first."
        )
    return champion


def _store(candidate: Candidate, table: pd.DataFrame, tags: dict[str, str], run_id: str) -> str:
    sample = feature_matrix(table.head(100), candidate.features)
    info = mlflow.sklearn.log_model(
        candidate.model,
        name="model",
        serialization_format="skops",
        skops_trusted_types=TRUSTED_TYPES,
        signature=infer_signature(sample, candidate.model.predict_proba(sample)),
        pyfunc_predict_fn="predict_proba",
        # Given, since inferring them costs more than the whole training.
        pip_requirements=[
            f"{name}=={installed(name)}" for name in ("scikit-learn", "skops", "xgboost", "crm_assets")
        ],
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / WALK_FORWARD_FILE
        candidate.walk_forward.to_parquet(path, index=False)
        mlflow.log_artifact(str(path))
    client = MlflowClient()
    if not client.search_registered_models(f"name = '{MODEL}'"):
        client.create_registered_model(MODEL, description="Probability that an open deal is won next month.")
    version = client.create_model_version(
        MODEL,
        info.model_uri,
        run_id=run_id,
        model_id=info.model_id,
        tags={
            "algorithm": candidate.algorithm,
            "features": json.dumps(candidate.features),
            "trained_months": json.dumps(candidate.trained_months),
            "test_months": json.dumps(candidate.split.test),
            **tags,
        },
    )
    return str(version.version)


def _load(version: ModelVersion) -> Champion:
    with tempfile.TemporaryDirectory() as folder:
        files = mlflow.artifacts.download_artifacts(f"models:/{MODEL}/{version.version}", dst_path=folder)
        # Not through mlflow.sklearn: it would follow the stored file into unpickling.
        model = skops.io.load(Path(files) / "model.skops", trusted=TRUSTED_TYPES)
        past = mlflow.artifacts.download_artifacts(
            run_id=version.run_id, artifact_path=WALK_FORWARD_FILE, dst_path=folder
        )
        walk_forward = _frame(pq.read_table(past))
    if not isinstance(model, CalibratedModel):
        raise StorageError(
            f"Version {version.version} of {MODEL} holds a {type(model).__name__}, no model of ours: "
            f"give the alias {CHAMPION} to another version."
        )
    return Champion(
        version=str(version.version),
        algorithm=version.tags["algorithm"],
        model=model,
        features=json.loads(version.tags["features"]),
        trained_months=json.loads(version.tags["trained_months"]),
        walk_forward=walk_forward,
    )


def _frame(table: pa.Table) -> pd.DataFrame:
    """A data frame whose lists stay in Arrow, as `modeling.explanation` makes them."""
    in_arrow = {
        field.type: pd.ArrowDtype(field.type) for field in table.schema if pa.types.is_list(field.type)
    }
    return table.to_pandas(ignore_metadata=True, types_mapper=in_arrow.get)


def _test_scores(former: Champion, candidate: Candidate, table: pd.DataFrame) -> dict[str, float] | None:
    """The former champion on the candidate's test months, or None where it cannot be compared.

    Months that it has learned from count by its walk-forward predictions, later ones by its model.
    """
    test = table[table["snapshot_month"].isin(candidate.split.test)]
    known = former.walk_forward["opportunity_id"].isin(table["opportunity_id"])
    if not set(former.features) <= set(test.columns) or not known.any():
        return None
    seen = test[test["snapshot_month"] <= max(former.trained_months)]
    new = test.drop(seen.index)
    past = seen[[*KEYS, "won_next_month"]].merge(
        former.walk_forward[[*KEYS, "probability"]], on=KEYS, how="left"
    )
    if past["probability"].isna().any():
        return None
    parts = [past]
    if len(new):
        probability = former.model.predict_proba(feature_matrix(new, former.features))[:, 1]
        parts.append(new[[*KEYS, "won_next_month"]].assign(probability=probability))
    return pooled(pd.concat(parts), candidate.split.test)


def _judge(
    own: dict[str, float],
    former: Champion | None,
    theirs: dict[str, float] | None,
    allowed: list[str],
) -> tuple[bool, str]:
    if former is None:
        return True, "There was no champion."
    if forbidden := sorted(set(former.features) - set(allowed)):
        return True, f"Version {former.version} uses {', '.join(forbidden)}, which may not be used any more."
    if theirs is None:
        return True, (
            f"Version {former.version} learned from other deals and cannot be compared on these test months."
        )
    promoted = own["roc_auc"] >= theirs["roc_auc"]
    return promoted, (
        f"ROC AUC {own['roc_auc']:.4f} against {theirs['roc_auc']:.4f} of version {former.version} on the "
        f"same test months: {'no worse' if promoted else 'worse'}."
    )
