"""`python -m benchmarks.serving_model FOLDER`: the champion by itself, as JSON.

It copies the files of the model into FOLDER, and measures the processor time of its bare `predict_proba` for
one deal: with the matrix at hand, and from a row of `win_features`.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import mlflow
from mlflow.utils.proto_json_utils import dump_input_data

from crm_assets.modeling.algorithms import algorithm
from crm_assets.registry import serving
from crm_assets.settings import get_settings
from crm_assets.storage.choice import open_store

TIMES, ROUNDS = 200, 15


def cpu_ms(call: Callable[[], object]) -> float:
    """Return the median processor time of a call, in ms."""

    def once() -> float:
        started = time.process_time()
        for _ in range(TIMES):
            call()
        return 1000 * (time.process_time() - started) / TIMES

    once()
    return statistics.median(once() for _ in range(ROUNDS))


def main() -> None:
    """Print the figures, and the body of a request for MLflow's servers."""
    settings, store = get_settings(), open_store(get_settings())
    found = serving.champion(settings)
    if found is None:
        raise SystemExit("No version is champion: finish a run first (make run).")
    champion, _ = serving.load(settings, found)
    name, number = found.version.name, found.version.version
    folder = mlflow.artifacts.download_artifacts(f"models:/{name}/{number}", dst_path=sys.argv[1])
    features = store.to_pandas(store.read("win_features", [store.months("win_features")[-1]])).head(1)
    row = algorithm(champion.algorithm)
    matrix = row.matrix(features, champion.features)
    told = {
        "folder": str(Path(folder).resolve()),
        "algorithm": champion.algorithm,
        "bare_ms": cpu_ms(lambda: champion.model.predict_proba(matrix)),
        "from_features_ms": cpu_ms(
            lambda: champion.model.predict_proba(row.matrix(features, champion.features))
        ),
        "body": dump_input_data(matrix),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
