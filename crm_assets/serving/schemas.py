"""The bodies of requests and answers, made from the rows that describe the tables."""

from __future__ import annotations

import datetime as dt
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

from crm_assets.crm.columns import Column
from crm_assets.crm.raw_table import RawTable
from crm_assets.crm.schema import RAW_SALES_PIPELINE
from crm_assets.crm.tables import REVENUE_FORECAST, WIN_PREDICTIONS
from crm_assets.insight.changes import MEANING

MOST_DEALS = 1_000
# Only closed deals have them, or only files do.
_NOT_POSTED = ("deal_stage", "close_date", "close_value", "source_row")
_EXAMPLES: dict[str, Any] = {
    "opportunity_id": "006A1",
    "sales_agent": "Maureen Marcano",
    "product": "GTX Plus Pro",
    "account": "Betasoloin",
    "engage_date": "2017-11-04",
}
_NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


_Text = Annotated[str, Field(max_length=500, pattern=_NO_CONTROLS), AfterValidator(_composed)]
_Number = Annotated[float, Field(ge=-1e15, le=1e15, allow_inf_nan=False)]
_Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]
_Day = Annotated[dt.date, Field(ge=dt.date(1900, 1, 1), le=dt.date(2200, 12, 31))]
_TYPES: dict[str, Any] = {
    "string": _Text,
    "category": _Text,
    "float64": _Number,
    "int64": _Whole,
    "date": _Day,
    "boolean": bool,
}
_OUT: dict[str, Any] = {
    "string": str,
    "category": str,
    "float64": float,
    "int64": int,
    "date": dt.date,
    "boolean": bool,
}


def _posted(table: RawTable) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for column in table.columns:
        if column.name in _NOT_POSTED:
            continue
        examples = [_EXAMPLES[column.name]] if column.name in _EXAMPLES else None
        kind = _TYPES[column.dtype]
        if column.name == "opportunity_id":
            default: Any = Field("", description=column.description, examples=examples)
        elif column.name == "engage_date":
            default = Field(description="Day the deal was engaged.", examples=examples)
        else:
            kind, default = kind | None, Field(None, description=_described(column), examples=examples)
        fields[column.name] = (kind, default)
    return create_model(
        "Deal",
        __config__=ConfigDict(extra="forbid", strict=True),
        __doc__="An open deal, with the fields of sales_pipeline.csv.",
        **fields,
    )


def _described(column: Column) -> str:
    return f"{column.description} Unit: {column.unit}." if column.unit else column.description


Deal = _posted(RAW_SALES_PIPELINE)


class PredictionsRequest(BaseModel):
    """Deals to predict."""

    model_config = ConfigDict(extra="forbid", strict=True)

    deals: list[Deal] = Field(min_length=1, max_length=MOST_DEALS)  # ty: ignore[invalid-type-form]
    as_of: dt.date | None = Field(
        None,
        description="The day that the deals are as of: the last day of a month with a stored snapshot. "
        "Unset: the newest scored month's.",
        examples=["2017-12-31"],
    )
    reasons: bool = Field(True, description="Whether to say why, which takes longest.")


def _out(name: str, doc: str, columns: dict[str, tuple[Any, str]], base: type[BaseModel] = BaseModel) -> Any:
    fields: dict[str, Any] = {
        key: (kind | None, Field(None, description=text)) for key, (kind, text) in columns.items()
    }
    return create_model(name, __base__=base, __doc__=doc, **fields)


def _columns(names: list[str]) -> dict[str, tuple[Any, str]]:
    known = {column.name: column for column in WIN_PREDICTIONS.columns}
    return {name: (_OUT[known[name].dtype], _described(known[name])) for name in names}


_CHANCES = [name for name in WIN_PREDICTIONS.names if name.startswith("probability")]


class ReasonOut(BaseModel):
    """Why a probability is higher or lower than usual."""

    feature: str = Field(examples=["days_open"])
    direction: str = Field(description="`up` or `down`.", examples=["up"])
    words: str = Field(examples=["open for 57 days"])
    contribution: float = Field(description="How far it moves the score.")


Opportunity = _out(
    "Opportunity",
    "An open deal of the newest scored month.",
    _columns([
        "opportunity_id", "sales_agent", "manager", "regional_office", "product", "account", "days_open",
        *_CHANCES, "expected_value", "expected_revenue", "scored_by", "algorithm", "model_version",
    ])
    | {
        "stage": (str, "The CRM's name of its stage."),
        "band": (str, "A to D, by `CRM_BAND_LIMITS`."),
        "trend": (str, "`up`, `down`, `steady` or `new` since the month before."),
    },
)  # fmt: skip


class Page(BaseModel):
    """Where a list stands."""

    as_of: str = Field(description="The day that the answer is of.", examples=["2017-12-31"])
    currency: str = Field(examples=["USD"])
    total: int = Field(description="How many there are in all.")
    offset: int
    next_offset: int | None = Field(description="The offset of the next page; null on the last one.")


class Opportunities(Page):
    """Open deals, a page of them."""

    opportunities: list[Opportunity]  # ty: ignore[invalid-type-form]


class HistoryMonth(BaseModel):
    """What a month's end said of a deal."""

    month: str
    probability: float | None = None
    probability_3_months: float | None = None
    band: str | None = None
    expected_revenue: float | None = None
    model_version: str | None = None


class OpportunityDetail(Opportunity):
    """An open deal, with reasons and history."""

    as_of: str
    currency: str
    reasons: list[ReasonOut]
    history: list[HistoryMonth]


_FORECAST: dict[str, tuple[Any, str]] = {
    column.name: (_OUT[column.dtype], _described(column)) for column in REVENUE_FORECAST.columns
}
ForecastRow = _out("ForecastRow", "Wins and revenue to expect.", _FORECAST)


class Forecast(BaseModel):
    """The forecast by horizon, level and name."""

    as_of: str
    currency: str
    rows: list[ForecastRow]  # ty: ignore[invalid-type-form]


class Step(BaseModel):
    """One step of the waterfall; amounts are decimal texts, so that they add up to the cent."""

    name: str
    deals: int
    amount: str


class Waterfall(BaseModel):
    """Expected revenue from one snapshot to the next."""

    start: str
    steps: list[Step]
    end: str


class ChangedDeal(BaseModel):
    """A deal that changed."""

    opportunity_id: str
    sales_agent: str | None = None
    manager: str | None = None
    regional_office: str | None = None
    product: str | None = None
    account: str | None = None
    change: str = Field(description="; ".join(f"`{kind.value}`: {text}" for kind, text in MEANING.items()))
    probability_before: float | None = None
    probability: float | None = None
    expected_value_before: float | None = None
    expected_value: float | None = None
    expected_revenue_before: float | None = None
    expected_revenue: float | None = None
    close_value: float | None = None


class ChangesOut(Page):
    """What changed since the snapshot before."""

    before: str
    horizon_months: int
    counts: dict[str, int]
    waterfall: Waterfall
    deals: list[ChangedDeal]


class _Predicted(BaseModel):
    opportunity_id: str
    band: str
    expected_value: float
    expected_revenue: float
    reasons: list[ReasonOut]
    warnings: list[str] = Field(description="Names that are unknown, and what counts instead.")


PredictionOut = _out("PredictionOut", "The fresh prediction of a deal.", _columns(_CHANCES), base=_Predicted)


class Predictions(BaseModel):
    """Fresh predictions, in the order of the deals."""

    as_of: str
    currency: str
    model_version: str
    algorithm: str
    scored_by: str
    predictions: list[PredictionOut]  # ty: ignore[invalid-type-form]
    warnings: list[str] = Field(
        description="What holds for all deals, for example fields that were left out."
    )


class ModelOut(BaseModel):
    """The model in force."""

    name: str
    version: str
    algorithm: str
    target: str
    source: str
    features: list[str]
    trained_until: str | None
    scored_by: str
    decision: str | None
    decision_reason: str | None
    metrics: dict[str, float] = Field(description="On the test months, which its choice never saw.")
    leaderboard: list[dict[str, Any]] = Field(description="The model beside the others and the baselines.")
    verdicts: list[dict[str, Any]] = Field(description="What the leak audit says of each feature.")
    stored: dict[str, Any] = Field(description="The stored answers: month, version, waiting months.")
    following: dict[str, Any] = Field(
        description="Whether registry, tables and cache answered when last asked."
    )
