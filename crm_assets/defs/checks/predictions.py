"""The gates of the predictions: probabilities, values, and one prediction for every open deal."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from crm_assets.crm.contract import contract
from crm_assets.crm.rules import Between, InSet, NotNull, Read
from crm_assets.crm.tables import WIN_PREDICTIONS
from crm_assets.defs.checks.suite import Suite
from crm_assets.modeling.verdicts import RATES

KEY = WIN_PREDICTIONS.key

PREDICTIONS = Suite(
    WIN_PREDICTIONS,
    (
        *contract(WIN_PREDICTIONS),
        *(
            Between(name=f"{name}_from_0_to_1", column=name, low=0, high=1)
            for name in WIN_PREDICTIONS.names
            if name.startswith("probability")
        ),
        Between(name="expected_value_not_negative", column="expected_value", low=0),
        Between(name="expected_revenue_not_negative", column="expected_revenue", low=0),
        InSet(name="scored_by_known", column="scored_by", values=("champion", "walk_forward", *RATES)),
    ),
)


def _deals_of_predicted_months(predictions: ir.Table, read: Read) -> ir.Table:
    """Return all open deals and all predictions, and whether each has its counterpart.

    Months before the first with predictions are left out, since there was too little history by then.
    """
    first = read("win_predictions", whole_history=True).snapshot_month.min().as_scalar()
    open_deals = read("win_features").select(*KEY).mutate(open=ibis.literal(value=True))
    open_deals = open_deals.filter(open_deals.snapshot_month >= first)
    predicted = predictions.select(*KEY).mutate(predicted=ibis.literal(value=True))
    both = open_deals.outer_join(predicted, list(KEY))
    return both.select(
        **{name: both[name].coalesce(both[f"{name}_right"]) for name in KEY},
        open=both.open,
        predicted=both.predicted,
    )


COMPLETE = Suite(
    WIN_PREDICTIONS,
    (
        NotNull(name="every_open_deal_has_a_prediction", column="predicted"),
        NotNull(name="every_prediction_has_an_open_deal", column="open"),
    ),
    derive=_deals_of_predicted_months,
    scored=False,
)

SUITES = (PREDICTIONS, COMPLETE)
