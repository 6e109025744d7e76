"""The graph with a separate process for every step, as a deployment may run it."""

import dagster as dg

from crm_assets import definitions

defs = dg.Definitions(
    assets=definitions.defs.assets,
    jobs=[
        dg.define_asset_job(
            "two_models_and_a_forecast",
            dg.AssetSelection.assets("random_forest", "xgboost", "revenue_forecast").without_checks(),
        )
    ],
    resources=definitions.defs.resources,
    executor=dg.multiprocess_executor,
)
