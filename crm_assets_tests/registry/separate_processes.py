"""The graph with a separate process for every step, as a deployment may run it."""

import dagster as dg

from crm_assets import definitions
from dev.warm import LIBRARIES

defs = dg.Definitions(
    assets=definitions.defs.assets,
    jobs=[
        dg.define_asset_job(
            "two_models_and_a_forecast",
            dg.AssetSelection.assets("random_forest", "xgboost", "revenue_forecast").without_checks(),
        )
    ],
    resources=definitions.defs.resources,
    # The processes are forks of one that has loaded the libraries, which takes each of them seconds.
    executor=dg.multiprocess_executor.configured(
        {"start_method": {"forkserver": {"preload_modules": list(LIBRARIES)}}}
    ),
)
