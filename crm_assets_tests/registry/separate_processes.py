"""The graph with a process of its own for every step, as a deployment may run it."""

import dagster as dg

from crm_assets.definitions import defs as graph

defs = dg.Definitions(
    assets=graph.assets,
    jobs=[
        dg.define_asset_job(
            "two_models_and_a_forecast",
            dg.AssetSelection.assets("random_forest", "xgboost", "revenue_forecast").without_checks(),
        )
    ],
    resources=graph.resources,
    executor=dg.multiprocess_executor,
)
