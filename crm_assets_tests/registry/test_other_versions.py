"""If another Python or library version wrote a home, a sentence says so, and training replaces the model."""

from __future__ import annotations

import json
import zipfile
from functools import cache
from pathlib import Path

import mlflow
import pytest
from mlflow.tracking import MlflowClient

from crm_assets.errors import RegistryError, SourceUnavailableError
from crm_assets.modeling.champion import Candidate
from crm_assets.modeling.training_rows import HeldRows
from crm_assets.registry import aliases, cards, models, promotion
from crm_assets.registry.aliases import CHAMPION
from crm_assets.registry.names import MODEL
from crm_assets.registry.reading import MODEL_FILE
from crm_assets_tests.registry import deals

ALGORITHM = "logistic_regression"
ELSEWHERE = {"written_by.Python": "3.99.0", "written_by.scipy": "9.9.9"}
RENAMED = "scipy.interpolate._bsplines"


@cache
def trained() -> tuple[HeldRows, Candidate]:
    """Return training rows and the candidate that they give."""
    rows = deals.training_rows()
    return rows, deals.candidate(rows, ALGORITHM)


def train() -> models.Decision:
    """Register a candidate as the asset champion does."""
    rows, made = trained()
    with mlflow.start_run() as run:
        return models.register(made, rows, {}, run.info.run_id, deals.card_of(made, rows))


def rewritten(file: Path, old: str, new: str) -> Path:
    """Rewrite a stored model as another library version would have written it: with other names."""
    with zipfile.ZipFile(file) as stored:
        members = {name: stored.read(name) for name in stored.namelist()}
    assert old in members["schema.json"].decode()
    members["schema.json"] = members["schema.json"].decode().replace(old, new).encode()
    other = file.with_name("rewritten")
    other.mkdir()
    with zipfile.ZipFile(other / MODEL_FILE, "w") as stored:
        for name, content in members.items():
            stored.writestr(name, content)
    return other / MODEL_FILE


def champion_of_other_versions(client: MlflowClient, folder: Path, old: str, new: str, **tags: str) -> str:
    """Promote a version whose file has other names in it."""
    train()
    good = client.get_model_version_by_alias(MODEL, CHAMPION)
    file = Path(mlflow.artifacts.download_artifacts(f"models:/{MODEL}/{good.version}", dst_path=str(folder)))
    run = client.create_run("0")
    client.log_artifact(run.info.run_id, str(rewritten(file / MODEL_FILE, old, new)), "model")
    past = mlflow.artifacts.download_artifacts(run_id=good.run_id, artifact_path="walk_forward.parquet")
    client.log_artifact(run.info.run_id, past)
    client.set_terminated(run.info.run_id)
    made = client.create_model_version(
        MODEL, f"{run.info.artifact_uri}/model", run.info.run_id, tags=good.tags | tags
    )
    aliases.make_champion(str(made.version))
    return str(made.version)


def test_a_version_says_what_it_was_written_under(registry: MlflowClient) -> None:
    tags = registry.get_model_version(MODEL, train().version).tags
    written = {name.removeprefix("written_by.") for name in tags if name.startswith("written_by.")}
    assert written == {"Python", "scikit-learn", "skops", "numpy", "scipy", "xgboost", "crm_assets"}


def test_a_version_of_an_older_release_has_no_card(registry: MlflowClient, tmp_path: Path) -> None:
    older = champion_of_other_versions(registry, tmp_path, '"Pipeline"', '"GonePipeline"')
    with pytest.raises(RegistryError, match=f"Version {older} of {MODEL} has no model card: an older"):
        cards.card_of(registry.get_model_version(MODEL, older))
    decision = train()
    assert cards.card_of(registry.get_model_version(MODEL, decision.version)) == decision.card


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('"BSpline"', '"GoneSpline"', id="a type that is gone"),
        pytest.param(f'"{RENAMED}"', '"scipy.moved"', id="a module that is gone"),
        pytest.param('"Pipeline"', '"GonePipeline"', id="a type of scikit-learn that is gone"),
        pytest.param('"__loader__": "', '"__loader__": "Gone', id="a node that this skops does not know"),
    ],
)
def test_what_cannot_be_read_is_told_with_the_versions_that_differ_and_training_replaces_it(
    registry: MlflowClient, tmp_path: Path, old: str, new: str
) -> None:
    broken = champion_of_other_versions(registry, tmp_path, old, new, **ELSEWHERE)
    with pytest.raises(RegistryError) as caught:
        models.load_champion()
    said = str(caught.value)
    assert said.startswith(f"Version {broken} of {MODEL} ")
    assert "written under Python 3.99.0, scipy 9.9.9; installed here: Python 3." in said
    assert "make run" in said
    assert "\n" not in said

    decision = train()
    assert decision.promoted
    assert decision.former_version == broken
    assert "is not usable" in decision.reason
    assert models.load_champion().version == decision.version
    # Rollback refuses a version that cannot score.
    with pytest.raises(RegistryError, match=f"Version {broken} of"):
        promotion.rollback()
    assert models.load_champion().version == decision.version


def test_a_model_of_another_release_of_scikit_learn_is_refused_though_it_could_be_read(
    registry: MlflowClient,
) -> None:
    version = train().version
    registry.set_model_version_tag(MODEL, version, "written_by.scikit-learn", "1.2.3")
    with pytest.raises(RegistryError, match=r"another release of scikit-learn\. .*scikit-learn 1\.2\.3"):
        models.load_champion()


def test_another_python_or_patch_alone_is_no_reason_to_refuse(registry: MlflowClient) -> None:
    version = train().version
    registry.set_model_version_tag(MODEL, version, "written_by.Python", "3.99.0")
    assert models.load_champion().version == version


def test_a_version_from_before_versions_were_recorded_is_told_so(
    registry: MlflowClient, tmp_path: Path
) -> None:
    broken = champion_of_other_versions(registry, tmp_path, '"BSpline"', '"GoneSpline"')
    for tag in registry.get_model_version(MODEL, broken).tags:
        if tag.startswith("written_by."):
            registry.delete_model_version_tag(MODEL, broken, tag)
    with pytest.raises(RegistryError, match="does not say under which versions it was written"):
        models.load_champion()


def test_a_registry_that_does_not_answer_never_costs_a_champion_its_place(
    registry: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = train().version
    before = json.dumps(dict(registry.get_registered_model(MODEL).aliases))

    def silence(*_: object, **__: object) -> None:
        raise mlflow.MlflowException("API request failed")

    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", silence)
    with pytest.raises(
        SourceUnavailableError, match=f"The files of version {version} of .* are not available now"
    ):
        train()
    assert json.dumps(dict(registry.get_registered_model(MODEL).aliases)) == before
