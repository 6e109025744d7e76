"""Train XGBoost on the workers of a Spark cluster, for a training set that no single machine can hold.

`spark-submit docker/scale/train_on_spark.py FOLDER_OF_WIN_FEATURES FIRST_TEST_MONTH MODEL.json` trains on
the months before that month and prints the ROC AUC on that month and all later ones. It uses only numeric
features; features that are names would need an encoder in Spark.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyspark.ml.evaluation import BinaryClassificationEvaluator
from pyspark.sql import DataFrame, SparkSession
from xgboost.spark import SparkXGBClassifier, SparkXGBClassifierModel

from crm_assets.crm.feature_table import FEATURES, LABEL

NUMBERS = [f.name for f in FEATURES if f.dtype in ("int64", "float64") and "account" not in f.sources]


def main(folder: str, first_test_month: str, target: str) -> None:
    """Train a model, print its ROC AUC, and save it."""
    session = SparkSession.builder.appName("train").getOrCreate()
    months = sorted(path.as_uri() for path in Path(folder).absolute().glob("*.parquet"))
    rows = session.read.parquet(*months).where(f"{LABEL.name} is not null").fillna(-1.0, NUMBERS)
    rows = rows.repartition("snapshot_month", "opportunity_id")
    model = train(rows.where(rows.snapshot_month < first_test_month), session.sparkContext.defaultParallelism)
    print(f"ROC AUC {auc(model, rows.where(rows.snapshot_month >= first_test_month)):.4f}")
    model.get_booster().save_model(target)


def train(rows: DataFrame, workers: int) -> SparkXGBClassifierModel:
    """Fit a model on all workers at once."""
    learner = SparkXGBClassifier(
        features_col=NUMBERS,
        label_col=LABEL.name,
        num_workers=workers,
        n_estimators=150,
        max_depth=3,
        learning_rate=0.05,
        random_state=7,
    )
    return learner.fit(rows)


def auc(model: SparkXGBClassifierModel, rows: DataFrame) -> float:
    """Return the ROC AUC of a model on labeled rows."""
    judge = BinaryClassificationEvaluator(labelCol=LABEL.name, rawPredictionCol="rawPrediction")
    return judge.evaluate(model.transform(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
