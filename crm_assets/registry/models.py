"""The registered model: store candidates as versions, and load versions as models that score."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version as installed
from pathlib import Path

import mlflow
import pandas as pd
import pyarrow as pa
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient

from crm_assets.crm.targets import DEFAULT_TARGET, target
from crm_assets.errors import NotEnoughDataError, RegistryError
from crm_assets.modeling import algorithms, calibration
from crm_assets.modeling.champion import Candidate
from crm_assets.modeling.metrics import METRICS, pooled
from crm_assets.modeling.promotion import Rival, Verdict, judge, rival
from crm_assets.modeling.scoring import Champion
from crm_assets.modeling.training_rows import TrainingRows
from crm_assets.modeling.verdicts import NO_VERSION
from crm_assets.registry import aliases, cards, tracking, versions
from crm_assets.registry.aliases import CHAMPION
from crm_assets.registry.names import MODEL, model_name
from crm_assets.registry.past import WALK_FORWARD_FILE, read_past, write_past
from crm_assets.registry.reading import MODEL_FILE, fetch_files, first_line, read_model, refuse

# Types beyond scikit-learn's own that a stored model may hold; nothing else is ever loaded.
TRUSTED_TYPES = sorted({*calibration.TRUSTED_TYPES, *algorithms.TRUSTED_TYPES})


@dataclass(frozen=True)
class Decision:
    """The decision about a candidate.

    Attributes:
        version: the candidate's version.
        promoted: whether it is champion now.
        reason: why, in a sentence.
        champion_version: the version that is champion now, or `NO_VERSION`.
        former_version: the version that was champion before, or None.
        former_test: the former champion's metrics on the candidate's test months, or None.
        card: the candidate's model card, as Markdown.
    """

    version: str
    promoted: bool
    reason: str
    champion_version: str
    former_version: str | None
    former_test: dict[str, float] | None
    card: str


def register(
    candidate: Candidate,
    rows: TrainingRows,
    tags: dict[str, str],
    run_id: str,
    write_card: cards.Writer,
    source: str = "",
) -> Decision:
    """Log a candidate to the active run, register it, write its card, and promote it if the judge says so.

    Args:
        candidate: the model and its evidence.
        rows: the training set, for the former champion's scores on the same months.
        tags: tags for the model version, for example `dagster.run_id`.
        run_id: the active MLflow run.
        write_card: writes the model card.
        source: the identity of the source whose deals it learned from.

    Returns:
        The decision; the version's tags hold its numbers.
    """
    model = model_name(candidate.target)
    # Locked, so that the champion it is compared with is the one that it replaces.
    with tracking.alone():
        former = aliases.holder(CHAMPION, model=model)
        version = _store(candidate, rows.head(), tags | {"source": source}, run_id)
        own = pooled(candidate.walk_forward, candidate.split.test)
        theirs, unusable = (None, "") if former is None else _rival(former, candidate, rows)
        verdict = judge(own, theirs, candidate.features, source, version, candidate.seasonal_test)
        if verdict.promoted and unusable:
            verdict = Verdict(True, unusable)
        # Before it can become champion: no champion is without papers.
        cards.keep(card := write_card(version, verdict, theirs), version, run_id, model)
        if verdict.promoted:
            aliases.make_champion(version, model)
        else:
            aliases.make_challenger(version, model)
    before, test = (None, None) if theirs is None else (theirs.version, theirs.test)
    decision = "promoted" if verdict.promoted else "not promoted"
    tell(version, decision, verdict.reason, own, test, model)
    if verdict.promoted and before is not None:
        tell(before, "replaced", f"Version {version} was promoted. {verdict.reason}", model=model)
    now = version if verdict.promoted else before or NO_VERSION
    return Decision(version, verdict.promoted, verdict.reason, now, before, test, card.text)


def _rival(former: ModelVersion, candidate: Candidate, rows: TrainingRows) -> tuple[Rival, str]:
    """Return what the judge needs to know about the champion, and why it is unusable ("" if usable)."""
    try:
        return rival(load_version(former), candidate, rows), ""
    except RegistryError as error:
        # Training is the remedy, so an unusable champion must not stop it; if it is of another source,
        # that rule still holds.
        unknown = Rival(str(former.version), [], former.tags.get("source", ""), same_deals=True, test=None)
        return unknown, f"The former champion is not usable. {error}"


def load_champion(model: str = MODEL) -> Champion:
    """Load the version of a registered model that has the alias `champion`.

    Raises:
        NotEnoughDataError: there is no champion yet.
        RegistryError: this project did not make it, its files are gone, or other versions wrote it.
    """
    version = aliases.holder(CHAMPION, model=model)
    if version is None:
        raise NotEnoughDataError(
            f"No version of {model} has the alias {CHAMPION}: materialize the asset champion first."
        )
    return _loaded(mlflow.get_tracking_uri(), _Version(version))


def _store(candidate: Candidate, few: pd.DataFrame, tags: dict[str, str], run_id: str) -> str:
    row, model = algorithms.algorithm(candidate.algorithm), model_name(candidate.target)
    sample = row.matrix(few, candidate.features)
    info = mlflow.sklearn.log_model(
        candidate.model,
        name="model",
        serialization_format="skops",
        skops_trusted_types=TRUSTED_TYPES,
        signature=infer_signature(sample, candidate.model.predict_proba(sample)),
        pyfunc_predict_fn="predict_proba",
        # Given explicitly, since inferring them takes longer than the whole training.
        pip_requirements=[
            f"{name}=={installed(name)}" for name in sorted({*row.packages, "skops", "crm_assets"})
        ],
    )
    with tempfile.TemporaryDirectory() as folder:
        mlflow.log_artifact(str(write_past(candidate, Path(folder))))
    client = MlflowClient()
    if not client.search_registered_models(f"name = '{model}'"):
        client.create_registered_model(model, description=f"Probability of {candidate.target.name}.")
    version = client.create_model_version(
        model,
        info.model_uri,
        run_id=run_id,
        model_id=info.model_id,
        tags={
            "algorithm": candidate.algorithm,
            "target": candidate.target.name,
            "features": json.dumps(candidate.features),
            "trained_months": json.dumps(candidate.trained_months),
            "test_months": json.dumps(candidate.split.test),
            **_tuned(candidate),
            **versions.tags(),
            **tags,
        },
    )
    return str(version.version)


def _tuned(candidate: Candidate) -> dict[str, str]:
    """Return what a version says about the search for its parameters, if there was one."""
    if not candidate.trials:
        return {}
    return {"tuned_trials": str(candidate.trials), "parameters": json.dumps(dict(candidate.parameters))}


class _Version:
    """A version as a cache key: its model never changes, but its decision tags do."""

    def __init__(self, version: ModelVersion) -> None:
        self.version = version
        self.key = (version.name, version.version, version.run_id, version.creation_timestamp)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Version) and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)


@lru_cache(maxsize=1)
def _loaded(_tracking_uri: str, version: _Version) -> Champion:
    """Load the champion once for all steps of a run."""
    return load_version(version.version)


def load_version(version: ModelVersion) -> Champion:
    """Load the model of a version without unpickling.

    Raises:
        RegistryError: this project did not make it, its files are gone, they hold untrusted types, or
            they were written under versions of Python or a library that these cannot read.
        SourceUnavailableError: its files are not available now.
    """
    tags = version.tags
    if missing := [tag for tag in ("algorithm", "features", "trained_months") if tag not in tags]:
        refuse(version, f"was not made by this graph: it has no tag {missing[0]}.")
    if tags["algorithm"] not in {row.name for row in algorithms.known()}:
        refuse(version, f"uses {tags['algorithm']}, an algorithm that is not known here.")
    if not versions.supported(tags):
        refuse(version, f"was made by another release of scikit-learn. {versions.comparison(tags)}")
    folder = tempfile.TemporaryDirectory()
    files = fetch_files(version, folder.name)
    model = read_model(version, files / MODEL_FILE, TRUSTED_TYPES)
    try:
        walk_forward = read_past(folder, files / WALK_FORWARD_FILE)
    except (OSError, pa.ArrowException) as error:
        refuse(version, f"has no readable walk-forward predictions: {first_line(error)}", error)
    # Models that older code stored do not name their algorithm.
    model.algorithm = tags["algorithm"]
    return Champion(
        version=str(version.version),
        algorithm=tags["algorithm"],
        model=model,
        features=json.loads(tags["features"]),
        trained_months=json.loads(tags["trained_months"]),
        walk_forward=walk_forward,
        target=target(tags.get("target", DEFAULT_TARGET.name)),
        source=tags.get("source", ""),
        test_months=tuple(json.loads(tags.get("test_months", "[]"))),
    )


def tell(
    version: str,
    decision: str,
    reason: str,
    own: dict[str, float] | None = None,
    theirs: dict[str, float] | None = None,
    model: str = MODEL,
) -> None:
    """Write a decision and its numbers to a version's tags."""
    tags = {"decision": decision, "decision_reason": reason}
    tags |= {f"test_{metric}": repr(own[metric]) for metric in METRICS if own is not None}
    tags |= {f"champion_test_{metric}": repr(theirs[metric]) for metric in METRICS if theirs is not None}
    client = MlflowClient()
    for name, value in tags.items():
        client.set_model_version_tag(model, version, name, value)
