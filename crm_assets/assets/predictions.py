"""What the champion says of each month's open deals, and what it adds up to."""

import dagster as dg

from crm_assets.assets.models import champion
from crm_assets.assets.options import table, table_asset
from crm_assets.crm import forecast
from crm_assets.crm.tables import REVENUE_FORECAST, WIN_PREDICTIONS
from crm_assets.storage.tables import MonthlyFrames, MonthlyTables

GROUP = "predictions"


@table_asset(
    WIN_PREDICTIONS,
    GROUP,
    "scikitlearn",
    "parquet",
    by_month=True,
    deps=[champion],
    required_resource_keys={"mlflow"},
)
def win_predictions(
    context: dg.AssetExecutionContext, win_features: MonthlyFrames, monthly_snapshots: MonthlyTables
) -> MonthlyFrames:
    """The probability that each open deal is won next month, its worth, and what pushed it."""
    from crm_assets.modeling import scoring

    model = context.resources.mlflow.load_champion()
    predictions = MonthlyFrames(
        {
            month: scoring.win_predictions(
                features,
                forecast.expected_values(monthly_snapshots[month]).to_pyarrow().to_pandas(),
                model,
                month,
            )
            for month, features in win_features.items()
        }
    )
    newest = predictions[max(predictions)]
    context.add_output_metadata(
        {
            "champion version": model.version,
            "algorithm": model.algorithm,
            "months without predictions (too little history)": ", ".join(
                month for month, frame in predictions.items() if frame.empty
            )
            or "none",
            "likeliest wins": table(newest[["opportunity_id", "sales_agent", "product", "probability"]].head(10)),
        }
    )
    return predictions


@table_asset(REVENUE_FORECAST, GROUP, "pandas", "parquet", by_month=True)
def revenue_forecast(win_predictions: MonthlyFrames) -> MonthlyFrames:
    """Next month's expected wins and revenue, in total and by agent, manager, region and product."""
    return MonthlyFrames({m: forecast.revenue_forecast(p, m) for m, p in win_predictions.items()})


prediction_assets = [win_predictions, revenue_forecast]
