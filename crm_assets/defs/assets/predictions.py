"""The champion's predictions for each month's open deals, and the revenue forecast that sums them up."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import ibis.expr.types as ir
import pandas as pd

from crm_assets.crm.features import KEY, with_deal_features
from crm_assets.crm.tables import (
    CHAMPION,
    CURRENT_PREDICTIONS,
    LEAK_AUDIT,
    REVENUE_FORECAST,
    TRAINING_SET,
    WIN_PREDICTIONS,
)
from crm_assets.defs.assets.models import champion
from crm_assets.defs.assets.options import table_asset
from crm_assets.defs.metadata import Fact, table
from crm_assets.defs.partitions import data_horizon
from crm_assets.defs.resources.fold_models import RunFoldModels
from crm_assets.defs.resources.mlflow import MlflowSession
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.insight.words import reasons
from crm_assets.modeling.training_rows import training_rows
from crm_assets.modeling.verdicts import NO_VERSION, SEASONAL_RATE
from crm_assets.settings import get_settings
from crm_assets.storage.monthly import MonthlyFrames, MonthlyTables
from crm_assets.storage.tables import TableStore

GROUP = "predictions"


@table_asset(WIN_PREDICTIONS, GROUP, "scikitlearn", "parquet", by_month=True, deps=[champion])
def win_predictions(
    context: dg.AssetExecutionContext,
    win_features: MonthlyTables,
    deal_features: MonthlyTables,
    monthly_snapshots: MonthlyTables,
    mlflow: MlflowSession,
    tables: TableStoreResource,
    fold_models: RunFoldModels,
) -> MonthlyFrames:
    """One row per month and open deal: the chances to win it by horizon, its expected revenue, and why.

    The champion of the registry scores win_features, joined with deal_features; the chances of longer
    horizons come from monthly_snapshots. Sales teams use the rows to decide which deals to work on;
    revenue_forecast adds them up. If the data is not enough for a model, or the only model is worse than the
    seasonal rate, a rate of past deals takes the champion's place.
    """
    from crm_assets.insight.reading import currency_of
    from crm_assets.modeling import forecast, scoring

    rate = _rate_in_force(tables.store, mlflow)
    rates = _rates(tables.store, rate)
    model = None if rate else mlflow.load_champion()

    def predictions(month: str) -> pd.DataFrame:
        known = with_deal_features(win_features[month], deal_features[month]).order_by(KEY)
        deals = known.to_pyarrow().to_pandas()
        values = forecast.expected_values(monthly_snapshots[month]).to_pyarrow().to_pandas()
        snapshot = _known(monthly_snapshots[month])
        if model is not None:
            frame = scoring.win_predictions(deals, values, snapshot, model, month, fold_models.outlook)
        else:
            frame = scoring.predictions_of_rates(
                deals, values, snapshot, rates(month, deals), str(rate), month, fold_models.outlook
            )
        facts = _facts(frame, currency_of(monthly_snapshots[month]))
        facts[Fact.WITHOUT_PREDICTION] = len(deals) - len(frame)
        context.add_asset_metadata(facts, partition_key=month)
        return frame

    version, algorithm = (NO_VERSION, str(rate)) if model is None else (model.version, model.algorithm)
    context.add_output_metadata({Fact.CHAMPION_VERSION: version, Fact.ALGORITHM: algorithm})
    return MonthlyFrames(win_features, predictions)


@table_asset(CURRENT_PREDICTIONS, GROUP, "scikitlearn", "parquet")
def current_predictions(
    context: dg.AssetExecutionContext, opportunities: ir.Table, leak_audit: pd.DataFrame
) -> pd.DataFrame:
    """One row per deal open on the day that CRM_AS_OF asks for: its chances this month, the next, and ever.

    They come from opportunities; leak_audit says which features they may use. Sales teams use them within a
    month.
    """
    from crm_assets.modeling.leak_audit import admissible_features
    from crm_assets.modeling.outlook import current

    day = current.day_of(get_settings().as_of, opportunities, data_horizon(opportunities))
    frame = current.current_predictions(opportunities, day, admissible_features(leak_audit))
    context.add_output_metadata({Fact.AS_OF: f"{day}"})
    return frame


@table_asset(REVENUE_FORECAST, GROUP, "pandas", "parquet", by_month=True)
def revenue_forecast(
    context: dg.AssetExecutionContext,
    win_predictions: MonthlyFrames,
    monthly_snapshots: MonthlyTables,
    leak_audit: pd.DataFrame,
    fold_models: RunFoldModels,
) -> MonthlyFrames:
    """One row per month, horizon, and total, agent, manager, region or product: wins and revenue to expect.

    It adds up win_predictions, and adds the new business that monthly_snapshots let expect. leak_audit says
    which features it may use. Sales managers plan with it.
    """
    from crm_assets.insight.reading import currency_of
    from crm_assets.modeling import forecast
    from crm_assets.modeling.leak_audit import admissible_features

    features, memo = admissible_features(leak_audit), fold_models.outlook

    def forecasts(month: str) -> pd.DataFrame:
        known = _known(monthly_snapshots[month])
        frame = forecast.revenue_forecast(win_predictions[month], known, month, features, memo)
        currency = currency_of(monthly_snapshots[month])
        context.add_asset_metadata(_totals(frame, currency), partition_key=month)
        return frame

    return MonthlyFrames(win_predictions, forecasts)


def _known(snapshot: ir.Table) -> pd.DataFrame:
    """Return what the horizons and the forecast need of a month's snapshot."""
    from crm_assets.modeling.frames import coded
    from crm_assets.modeling.outlook.history import needed

    return coded(needed(snapshot).to_pyarrow())


def _totals(frame: pd.DataFrame, currency: str) -> dict[str, Any]:
    """Return what the UI shows about a month's forecast: its totals by horizon."""
    from crm_assets.modeling.forecast import TOTAL

    totals = frame[frame["level"] == TOTAL]
    if totals.empty:
        return {Fact.NO_PREDICTIONS: "There was too little history by then to learn from."}
    first = totals.iloc[0]
    titles = {"horizon_months": "months", "forecast_month": "until the end of"}
    for measure, unit in (("wins", "deals"), ("revenue", currency)):
        titles |= {
            f"total_{measure}": f"{measure} ({unit})",
            f"total_{measure}_low": f"{measure}, at least",
            f"total_{measure}_high": f"{measure}, at most",
        }
    shown = totals[list(titles)].rename(columns=titles)
    facts: dict[str, Any] = {Fact.TOTALS_BY_HORIZON: table(shown.round(1))}
    for part, whence in (("total", "in all"), ("expected", "from open deals"), ("new", "new business")):
        facts[f"wins {whence} (deals)"] = round(float(first[f"{part}_wins"]), 1)
        facts[f"revenue {whence} ({currency})"] = round(float(first[f"{part}_revenue"]), 1)
    return facts


def _rate_in_force(store: TableStore, mlflow: MlflowSession) -> str | None:
    """Return the rate that takes the champion's place; None if there is a champion."""
    from crm_assets.modeling import pooled

    if not store.has(CHAMPION.name):
        return None
    rate = pooled.rate_in_force(store.to_pandas(store.read(CHAMPION.name)))
    # Somebody may have promoted the model since.
    return None if rate == SEASONAL_RATE and mlflow.has_champion() else rate


def _rates(store: TableStore, rate: str | None) -> Callable[[str, pd.DataFrame], pd.DataFrame]:
    """Return the function that gives the open deals of a month their rates; it reads the tables it needs."""
    from crm_assets.modeling import pooled
    from crm_assets.modeling.leak_audit import admissible_features

    def rates(month: str, deals: pd.DataFrame) -> pd.DataFrame:
        rows = training_rows(store.path(TRAINING_SET.name))
        if rate == SEASONAL_RATE:
            return pooled.seasonal_rates(rows, deals, month)
        features = admissible_features(store.to_pandas(store.read(LEAK_AUDIT.name)))
        return pooled.pooled_rates(rows, deals, month, features)

    return rates


def _facts(predictions: pd.DataFrame, currency: str) -> dict[str, Any]:
    """Return what the UI shows about a month's predictions."""
    if predictions.empty:
        return {Fact.NO_PREDICTIONS: "There was too little history by then to learn from."}
    return {
        Fact.EXPECTED_WINS: round(float(predictions["probability"].sum()), 1),
        Fact.SCORED_BY: predictions["scored_by"].iloc[0],
        Fact.LIKELIEST_WINS: table(_likeliest(predictions.head(10), currency)),
    }


def _likeliest(deals: pd.DataFrame, currency: str) -> pd.DataFrame:
    """Return deals as people read them: who, the chance in percent, the value, and why."""
    titles = {"opportunity_id": "deal", "sales_agent": "agent", "manager": "manager", "product": "product"}
    shown = deals[[name for name in titles if name in deals.columns]].rename(columns=titles)
    return shown.assign(
        **{
            "chance next month (%)": (100 * deals["probability"]).round(1),
            f"{currency} if won": deals["expected_value"].round(),
            "open (days)": deals["days_open"],
            "why": ["; ".join(map(str, reasons(row))) for row in deals.to_dict("records")],
        }
    )


prediction_assets = [win_predictions, revenue_forecast, current_predictions]
