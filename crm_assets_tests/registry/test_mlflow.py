"""What a run stores in the MLflow registry."""

from __future__ import annotations

import json

import pandas as pd

from crm_assets.defs.metadata import Fact
from dev.place import Place

ALGORITHMS = ("logistic_regression", "closing_hazard", "random_forest", "xgboost", "gradient_boosting")


def test_mlflow_holds_one_parent_run_with_a_nested_run_per_algorithm(sample_run: tuple[Place, str]) -> None:
    there, _ = sample_run
    script = (
        "import json, mlflow\n"
        "from crm_assets.settings import get_settings\n"
        "mlflow.set_tracking_uri(get_settings().tracking_uri)\n"
        "runs = mlflow.search_runs(experiment_names=['monthly_win_probability'])\n"
        "version = mlflow.MlflowClient().get_model_version_by_alias("
        "'monthly_win_probability_model', 'champion')\n"
        "card = mlflow.artifacts.load_text(f'runs:/{version.run_id}/model_card.md')\n"
        "shown = mlflow.get_experiment_by_name('monthly_win_probability').tags\n"
        "months = mlflow.MlflowClient().get_metric_history(version.run_id, 'test_month_roc_auc')\n"
        "print(json.dumps([runs.to_json(), version.version, version.tags, card, version.description,"
        " shown, [(m.step, m.timestamp) for m in months]]))\n"
    )
    done = there.python("-c", script)
    assert done.returncode == 0, done.stderr
    text, version, tags, card, summary, shown, months = json.loads(done.stdout.splitlines()[-1])
    runs = pd.DataFrame(json.loads(text))
    nested = runs[runs["tags.mlflow.parentRunId"].notna()]
    assert len(set(nested["tags.mlflow.parentRunId"])) == 1
    assert sorted(nested["tags.mlflow.runName"]) == sorted([*ALGORITHMS, "champion"])
    # Other tests share this home, and some of their runs fail on purpose.
    parent = runs[runs["run_id"].isin(nested["tags.mlflow.parentRunId"])]
    assert set(pd.concat([nested, parent])["status"]) == {"FINISHED"}
    assert len(parent) == 1
    for tag in ("dagster.run_id", "dagster.asset_key", "data_version", "code_version"):
        assert nested[f"tags.{tag}"].notna().all()
        assert tag in tags
    assert str(version) == "1"
    # The version's page, its run and the UI of the graph show the same papers.
    assert summary.partition("\n")[0] in card
    assert there.metadata("champion")[Fact.MODEL_CARD].value == card
    for digest in there.frame("raw_archive")["digest"]:
        assert digest in card
    # The UI opens on columns that the runs have, links runs to the version, and shows months as months.
    columns = json.loads(shown["mlflow.sharedViewState.scores"])["selectedColumns"]
    assert {name.replace("`", "") for name in columns} <= set(runs.columns)
    made = f"[version {version}](#/models/monthly_win_probability_model/versions/{version}?"
    candidate = nested[nested["tags.mlflow.runName"] == "champion"]
    assert all(made in note for note in pd.concat([candidate, parent])["tags.mlflow.note.content"])
    assert [(step, f"{pd.Timestamp(at, unit='ms'):%Y%m}") for step, at in months] == [
        (step, f"{step}") for step, _ in months
    ]
    assert not list((there.folder / "home" / "mlflow-artifacts").rglob("*.pkl"))
