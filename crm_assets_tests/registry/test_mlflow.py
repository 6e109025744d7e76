"""What a run stores in the MLflow registry."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from crm_assets.defs.metadata import Fact
from dev.place import Place

ALGORITHMS = ("logistic_regression", "closing_hazard", "random_forest", "xgboost", "gradient_boosting")


def rows_of(runs: Iterable[Run]) -> pd.DataFrame:
    """Return runs as MLflow's UI shows them: a row each, and a column for each tag, metric and parameter."""
    rows = []
    for run in runs:
        row = {"run_id": run.info.run_id, "status": run.info.status}
        for kind in ("tags", "metrics", "params"):
            row |= {f"{kind}.{name}": value for name, value in getattr(run.data, kind).items()}
        rows.append(row)
    return pd.DataFrame(rows)


def test_mlflow_holds_one_parent_run_with_a_nested_run_per_algorithm(
    sample_run: tuple[Place, str], tmp_path: Path
) -> None:
    there, _ = sample_run
    uri = f"sqlite:///{there.folder / 'home' / 'mlflow.db'}"
    client = MlflowClient(uri, uri)
    experiment = client.get_experiment_by_name("monthly_win_probability")
    assert experiment is not None
    version = client.get_model_version_by_alias("monthly_win_probability_model", "champion")
    card = Path(client.download_artifacts(str(version.run_id), "model_card.md", str(tmp_path))).read_text(
        "utf-8"
    )
    months = client.get_metric_history(str(version.run_id), "test_month_roc_auc")
    runs = rows_of(client.search_runs([experiment.experiment_id]))
    nested = runs[runs["tags.mlflow.parentRunId"].notna()]
    assert len(set(nested["tags.mlflow.parentRunId"])) == 1
    assert sorted(nested["tags.mlflow.runName"]) == sorted([*ALGORITHMS, "champion"])
    # Other tests share this home, and some of their runs fail on purpose.
    parent = runs[runs["run_id"].isin(nested["tags.mlflow.parentRunId"])]
    assert set(pd.concat([nested, parent])["status"]) == {"FINISHED"}
    assert len(parent) == 1
    for tag in ("dagster.run_id", "dagster.asset_key", "data_version", "code_version"):
        assert nested[f"tags.{tag}"].notna().all()
        assert tag in version.tags
    assert str(version.version) == "1"
    # The version's page, its run and the UI of the graph show the same papers.
    assert str(version.description).partition("\n")[0] in card
    assert there.metadata("champion")[Fact.MODEL_CARD].value == card
    for digest in there.frame("raw_archive")["digest"]:
        assert digest in card
    # The UI opens on columns that the runs have, links runs to the version, and shows months as months.
    columns = json.loads(experiment.tags["mlflow.sharedViewState.scores"])["selectedColumns"]
    assert {name.replace("`", "") for name in columns} <= set(runs.columns)
    made = "[version 1](#/models/monthly_win_probability_model/versions/1?"
    candidate = nested[nested["tags.mlflow.runName"] == "champion"]
    assert all(made in note for note in pd.concat([candidate, parent])["tags.mlflow.note.content"])
    assert months
    assert all(f"{pd.Timestamp(one.timestamp, unit='ms'):%Y%m}" == f"{one.step}" for one in months)
    assert not list((there.folder / "home" / "mlflow-artifacts").rglob("*.pkl"))
