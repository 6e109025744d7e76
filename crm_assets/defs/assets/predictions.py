"""The champion's predictions for each month's open deals, and the revenue forecast that sums them up."""

from typing import Any

import dagster as dg
import ibis.expr.types as ir
import pandas as pd

from crm_assets.crm.tables import REVENUE_FORECAST, WIN_PREDICTIONS
from crm_assets.defs.assets.models import champion
from crm_assets.defs.assets.options import table_asset
from crm_assets.defs.metadata import Fact, table
from crm_assets.defs.resources.mlflow import MlflowSession
from crm_assets.modeling import forecast
from crm_assets.storage.monthly import MonthlyFrames, MonthlyTables

GROUP = "predictions"


@table_asset(WIN_PREDICTIONS, GROUP, "scikitlearn", "parquet", by_month=True, deps=[champion])
def win_predictions(
    context: dg.AssetExecutionContext,
    win_features: MonthlyFrames,
    monthly_snapshots: MonthlyTables,
    mlflow: MlflowSession,
) -> MonthlyFrames:
    """One row per month and open deal: the chances to win it by horizon, its expected revenue, and why.

    The champion of the registry scores win_features; the chances of longer horizons come from
    monthly_snapshots. Sales teams use the rows to decide which deals to work on; revenue_forecast adds them
    up.
    """
    from crm_assets.modeling import scoring

    model, memo = mlflow.load_champion(), {}

    def predictions(month: str) -> pd.DataFrame:
        deals = win_features[month]
        values = forecast.expected_values(monthly_snapshots[month]).to_pyarrow().to_pandas()
        known = _known(monthly_snapshots[month])
        frame = scoring.win_predictions(deals, values, known, model, month, memo)
        facts = {**_facts(frame), Fact.WITHOUT_PREDICTION: len(deals) - len(frame)}
        context.add_asset_metadata(facts, partition_key=month)
        return frame

    context.add_output_metadata({Fact.CHAMPION_VERSION: model.version, Fact.ALGORITHM: model.algorithm})
    return MonthlyFrames(win_features, predictions)


@table_asset(REVENUE_FORECAST, GROUP, "pandas", "parquet", by_month=True)
def revenue_forecast(
    context: dg.AssetExecutionContext,
    win_predictions: MonthlyFrames,
    monthly_snapshots: MonthlyTables,
    leak_audit: pd.DataFrame,
) -> MonthlyFrames:
    """One row per month, horizon, and total, agent, manager, region or product: wins and revenue to expect.

    It adds up win_predictions, and adds the new business that monthly_snapshots let expect. leak_audit says
    which features it may use. Sales managers plan with it.
    """
    from crm_assets.modeling.leak_audit import admissible_features

    features, memo = admissible_features(leak_audit), {}

    def forecasts(month: str) -> pd.DataFrame:
        known = _known(monthly_snapshots[month])
        frame = forecast.revenue_forecast(win_predictions[month], known, month, features, memo)
        context.add_asset_metadata(_totals(frame), partition_key=month)
        return frame

    return MonthlyFrames(win_predictions, forecasts)


def _known(snapshot: ir.Table) -> pd.DataFrame:
    """Return what the horizons and the forecast need of a month's snapshot."""
    from crm_assets.modeling.frames import coded
    from crm_assets.modeling.outlook.history import needed

    return coded(needed(snapshot).to_pyarrow())


def _totals(frame: pd.DataFrame) -> dict[str, Any]:
    """Return what the UI shows about a month's forecast: its totals by horizon."""
    totals = frame[frame["level"] == forecast.TOTAL]
    if totals.empty:
        return {Fact.NO_PREDICTIONS: "There was too little history by then to learn from."}
    first = totals.iloc[0]
    shown = ("expected_wins", "new_wins", "total_wins", "expected_revenue", "new_revenue", "total_revenue")
    facts: dict[str, Any] = {name.replace("_", " "): float(first[name]) for name in shown}
    columns = ["horizon_months", "forecast_month", "total_wins", "total_wins_low", "total_wins_high"]
    columns += ["total_revenue", "total_revenue_low", "total_revenue_high"]
    return facts | {Fact.TOTALS_BY_HORIZON: table(totals[columns].round(1))}


def _facts(predictions: pd.DataFrame) -> dict[str, Any]:
    """Return what the UI shows about a month's predictions."""
    if predictions.empty:
        return {Fact.NO_PREDICTIONS: "There was too little history by then to learn from."}
    columns = ["opportunity_id", "sales_agent", "product", "probability", "expected_revenue"]
    return {
        Fact.EXPECTED_WINS: float(predictions["probability"].sum()),
        Fact.SCORED_BY: predictions["scored_by"].iloc[0],
        Fact.LIKELIEST_WINS: table(predictions[columns].head(10)),
    }


prediction_assets = [win_predictions, revenue_forecast]
