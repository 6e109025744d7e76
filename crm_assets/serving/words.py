"""What parameters and fields of the API mean, beside those that a table's column explains."""

from __future__ import annotations

from typing import Any

from crm_assets.crm.tables import REVENUE_FORECAST, WIN_PREDICTIONS

PARAMETERS = {
    "agent": "Only deals of this agent.",
    "manager": "Only deals of this manager's agents.",
    "office": "Only deals of this office's agents.",
    "product": "Only deals of this product.",
    "stage": "Only deals in this stage, in the CRM's own words.",
    "band": "Only deals of this band.",
    "min_probability": "Only deals with at least this probability of being won next month.",
    "min_value": "Only deals that bring at least this amount if they are won.",
    "sort": "What the list is sorted by.",
    "descending": "Whether the largest come first.",
    "opportunity_id": "Identifier of the deal.",
    "horizon_months": "How many months are predicted together.",
    "level": "Only rows of this level.",
    "name": "Only rows of this agent, manager, office or product.",
    "change": "Only deals that changed in this way.",
}
_COLUMNS = {
    column.name: column.description
    for table in (REVENUE_FORECAST, WIN_PREDICTIONS)
    for column in table.columns
}
_BEFORE = "_before"
FIELDS = _COLUMNS | {
    "as_of": "The day that the answer is of.",
    "currency": "The currency of all amounts.",
    "offset": "How many deals stand before this page.",
    "band": "A to D, by `CRM_BAND_LIMITS`.",
    "opportunities": "The deals of this page.",
    "deals": "The deals.",
    "rows": "The rows of the forecast.",
    "reasons": "Why the probability is higher or lower than usual, strongest first.",
    "history": "What each month's end said of the deal, oldest first.",
    "month": "The month, YYYY-MM.",
    "before": "The day that it is compared with.",
    "counts": "Number of deals by kind of change.",
    "waterfall": "How the expected revenue went from one snapshot to the next.",
    "steps": "What changed it, in order.",
    "start": "Expected revenue at the snapshot before.",
    "end": "Expected revenue now.",
    "amount": "What the step adds.",
    "close_value": "What a won deal brought.",
    "feature": "The feature.",
    "words": "The reason, as a person would say it.",
    "predictions": "One prediction per deal.",
    "features": "The features that the model uses.",
    "trained_until": "Last month whose labels the model was trained on.",
    "decision": "What was decided when its training ended.",
    "decision_reason": "Why.",
    "dataframe_split": "Columns once, then rows of values.",
    "dataframe_records": "One object per row.",
    "inputs": "The same as `dataframe_records`.",
    "instances": "The same as `dataframe_records`.",
    "columns": "Names of the columns.",
    "data": "One list of values per row.",
}
# Names that mean something else in one body.
_IN = {
    ("Step", "name"): "A kind of change, or `value`: the deal is worth more or less than before.",
    ("Step", "deals"): "How many deals it adds up.",
    ("ModelOut", "name"): "Its name in the registry.",
    ("ModelOut", "version"): "Its version in the registry.",
    ("ModelOut", "algorithm"): "The algorithm that it was trained with.",
    ("ModelOut", "target"): "What it predicts.",
    ("ModelOut", "source"): "The data that it was trained on.",
}


def add_words(document: dict[str, Any]) -> None:
    """Describe the parameters and fields of an OpenAPI document that say nothing of themselves."""
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                if meaning := PARAMETERS.get(parameter["name"]):
                    parameter.setdefault("description", meaning)
    for body, schema in document["components"]["schemas"].items():
        for name, field in schema.get("properties", {}).items():
            if meaning := _meaning(body, name):
                field.setdefault("description", meaning)


def _meaning(body: str, name: str) -> str | None:
    if (meaning := _IN.get((body, name)) or FIELDS.get(name)) is not None:
        return meaning
    now = FIELDS.get(name.removesuffix(_BEFORE)) if name.endswith(_BEFORE) else None
    return now and f"At the snapshot before: {now[0].lower()}{now[1:]}"
