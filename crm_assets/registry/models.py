"""The registered model: candidates become versions, and versions models that score."""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path

import mlflow
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient

from crm_assets.crm.training_rows import TrainingRows
from crm_assets.errors import NotEnoughDataError, RegistryError
from crm_assets.modeling.backtest import KEYS
from crm_assets.modeling.champion import Candidate
from crm_assets.modeling.matrix import feature_matrix
from crm_assets.modeling.metrics import METRICS, pooled
from crm_assets.modeling.scoring import Champion
from crm_assets.registry import aliases, tracking, versions
from crm_assets.registry.aliases import CHAMPION, MODEL
from crm_assets.registry.reading import (
    MODEL_FILE,
    WALK_FORWARD_FILE,
    fetch_files,
    first_line,
    read_model,
    refuse,
)

# Types beyond scikit-learn's own that a stored model may hold; nothing else is ever loaded.
TRUSTED_TYPES = [
    "crm_assets.modeling.calibration.CalibratedModel",
    "numpy.dtype",
    "scipy._lib.array_api_compat.numpy._aliases.asarray",
    "scipy.interpolate._bsplines.BSpline",
    # Its name from SciPy 1.18 on.
    "scipy.interpolate._bsplines._BSpline",
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


def register(candidate: Candidate, rows: TrainingRows, tags: dict[str, str], run_id: str) -> Decision:
    """Log a candidate to the active run, register it, and make it champion if it is no worse.

    Args:
        candidate: the model and its evidence.
        rows: the training set, for the former champion's scores on the same months.
        tags: put on the model version, as `dagster.run_id`.
        run_id: the active MLflow run.

    Returns:
        The decision; its numbers stand in the version's tags.
    """
    # Alone, so that the champion it is held against is the one that it replaces.
    with tracking.alone():
        holder = aliases.holder(CHAMPION)
        former, unreadable = _former(holder)
        version = _store(candidate, rows.head(), tags, run_id)
        own = pooled(candidate.walk_forward, candidate.split.test)
        theirs = None if former is None else _test_scores(former, candidate, rows)
        promoted, reason = (
            (True, unreadable) if unreadable else _judge(own, former, theirs, candidate.features)
        )
        if promoted:
            aliases.make_champion(version)
        else:
            aliases.make_challenger(version)
    before = None if holder is None else str(holder.version)
    tell(version, "promoted" if promoted else "not promoted", reason, own, theirs)
    if promoted and before is not None:
        tell(before, "replaced", f"Version {version} was promoted. {reason}")
    return Decision(version, promoted, reason, version if promoted else str(before), before, theirs)


def _former(holder: ModelVersion | None) -> tuple[Champion | None, str]:
    """The champion before, and why it must be replaced whatever a candidate scores; "" where it need not."""
    if holder is None:
        return None, ""
    try:
        return load_version(holder), ""
    except RegistryError as error:
        # Training anew is the way out of it, so it must not stop training.
        return None, f"The champion before cannot be used. {error}"


def load_champion() -> Champion:
    """The model version that holds the alias `champion`.

    Raises:
        NotEnoughDataError: there is no champion yet.
        RegistryError: it is no model of ours, its files are gone, or other versions wrote it.
    """
    version = aliases.holder(CHAMPION)
    if version is None:
        raise NotEnoughDataError(
            f"No version of {MODEL} has the alias {CHAMPION}: materialise the asset champion first."
        )
    return load_version(version)


def _store(candidate: Candidate, few: pd.DataFrame, tags: dict[str, str], run_id: str) -> str:
    sample = feature_matrix(few, candidate.features)
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
            **versions.tags(),
            **tags,
        },
    )
    return str(version.version)


def load_version(version: ModelVersion) -> Champion:
    """The model of a version, read without unpickling.

    Raises:
        RegistryError: it is no model of ours, its files are gone, they hold what is not trusted, or other
            versions of Python or a library wrote what these cannot read.
        SourceUnavailableError: its files cannot be had now.
    """
    tags = version.tags
    if missing := [tag for tag in ("algorithm", "features", "trained_months") if tag not in tags]:
        refuse(version, f"was not made by this graph: it has no tag {missing[0]}.")
    if not versions.supported(tags):
        refuse(version, f"is of another release of scikit-learn. {versions.comparison(tags)}")
    with tempfile.TemporaryDirectory() as folder:
        files = fetch_files(version, folder)
        model = read_model(version, files / MODEL_FILE, TRUSTED_TYPES)
        try:
            walk_forward = _frame(pq.read_table(files / WALK_FORWARD_FILE))
        except (OSError, pa.ArrowException) as error:
            refuse(version, f"has no readable walk-forward predictions: {first_line(error)}", error)
    return Champion(
        version=str(version.version),
        algorithm=tags["algorithm"],
        model=model,
        features=json.loads(tags["features"]),
        trained_months=json.loads(tags["trained_months"]),
        walk_forward=walk_forward,
    )


def _frame(table: pa.Table) -> pd.DataFrame:
    """A data frame whose lists stay in Arrow, as `modeling.explanation` makes them."""
    in_arrow = {
        field.type: pd.ArrowDtype(field.type) for field in table.schema if pa.types.is_list(field.type)
    }
    return table.to_pandas(ignore_metadata=True, types_mapper=in_arrow.get)


def _test_scores(former: Champion, candidate: Candidate, rows: TrainingRows) -> dict[str, float] | None:
    """The former champion on the candidate's test months, or None where it cannot be compared.

    Months that it has learned from count by its walk-forward predictions, later ones by its model.
    """
    test = rows.rows(candidate.split.test)
    known = former.walk_forward["opportunity_id"].isin(rows["opportunity_id"])
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
    if math.isnan(own["roc_auc"]) or math.isnan(theirs["roc_auc"]):
        return (
            False,
            f"All test deals ended alike: no ROC AUC to compare with version {former.version}.",
        )
    promoted = own["roc_auc"] >= theirs["roc_auc"]
    return promoted, (
        f"ROC AUC {own['roc_auc']:.4f} against {theirs['roc_auc']:.4f} of version {former.version} on the "
        f"same test months: {'no worse' if promoted else 'worse'}."
    )


def tell(
    version: str,
    decision: str,
    reason: str,
    own: dict[str, float] | None = None,
    theirs: dict[str, float] | None = None,
) -> None:
    """Write a decision and its numbers to the tags of a version."""
    tags = {"decision": decision, "decision_reason": reason}
    tags |= {f"test_{metric}": repr(own[metric]) for metric in METRICS if own is not None}
    tags |= {f"champion_test_{metric}": repr(theirs[metric]) for metric in METRICS if theirs is not None}
    client = MlflowClient()
    for name, value in tags.items():
        client.set_model_version_tag(MODEL, version, name, value)
