"""A search as a user runs it: by command, with two workers, in MLflow; and the training that follows it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd

from dev.place import Place

NAME = "logistic_regression"
# In MLflow's tables: the name and the parent of each run, and what it says of itself.
RUNS = """
select runs.name, parent.value, runs.status from runs
join tags as parent on parent.run_uuid = runs.run_uuid and parent.key = 'mlflow.parentRunId'
where parent.value in (select run_uuid from runs where name = ?)
"""


def test_a_search_ends_in_a_table_in_mlflow_and_in_the_next_training(
    sample_run: tuple[Place, str], tmp_path: Path
) -> None:
    there = sample_run[0].copy(tmp_path / "copy")
    before = there.contents()
    tune = ("crm_assets.console.tune", "--algorithm", NAME)
    done = there.here(*tune, CRM_TUNE_TRIALS="3", CRM_TUNE_WORKERS="2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "held-out months say what is left" in " ".join(done.stdout.split())
    searched = there.frame(f"tuned_{NAME}")
    assert searched["trial"].tolist() == [0, 1, 2]
    assert searched["best"].sum() == 1
    shown = there.metadata(f"tuned_{NAME}")
    assert {"history of the search", "gain in ROC AUC (validation months)"} <= set(shown)
    assert shown["trials"].value == 3
    with closing(sqlite3.connect(there.folder / "home" / "mlflow.db")) as registry:
        runs = registry.execute(RUNS, (f"tuned_{NAME}",)).fetchall()
    assert sorted(name for name, _, _ in runs) == ["trial 0", "trial 1", "trial 2"]
    assert len({parent for _, parent, _ in runs}) == 1

    # As if the second configuration were better by more than an error.
    chosen = json.dumps({"inverse_penalty": 0.02})
    adopted = searched.assign(adopted=searched["trial"] == 1, gain=0.1, gain_se=0.01, parameters=chosen)
    adopted.to_parquet(there.tables / f"tuned_{NAME}.parquet", index=False)
    again = there.here("crm_assets.console.materialize", "--select", f"{NAME},champion")
    assert again.returncode == 0, again.stdout + again.stderr
    scores = there.frame(NAME)
    assert scores["parameters"].unique().tolist() == [chosen]
    assert scores["trials"].unique().tolist() == [3]
    assert str(there.metadata(NAME)["tuned"].value).startswith("Tuned by 3 trials: ROC AUC +0.1000 ± 0.0100")
    # All other tables keep their bytes.
    changed = {name for name, content in there.contents().items() if before.get(name) != content}
    assert changed - {"champion.parquet"} == {f"{NAME}.parquet", f"tuned_{NAME}.parquet"}
    assert (
        pd.read_parquet(there.tables / "champion.parquet").shape[1]
        == sample_run[0].frame("champion").shape[1]
    )
