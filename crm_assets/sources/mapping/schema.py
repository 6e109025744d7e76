"""The schema of a mapping (`crm.yaml`): which file, column and value of a CRM is which of ours.

Every part has a description: the JSON Schema for editors is made from these classes.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, WithJsonSchema, field_validator

from crm_assets.sources.date_forms import SPECIAL
from crm_assets.sources.mapping.value import (
    SCALAR,
    SPELLINGS,
    Condition,
    Names,
    Part,
    Value,
    as_condition,
    listed,
)

__all__ = (
    "ANY",
    "Condition",
    "Deals",
    "Formats",
    "Mapping",
    "Money",
    "Part",
    "StageFile",
    "Stages",
    "Table",
    "Value",
    "Way",
)

_DATE_FORM = re.compile(r"(D([/.-])M\2|M([/.-])D\3)(YYYY|YY)|YYYY([/.-])MM\5DD|YY([/.-])M\6D")
# The value that stands for any value in a condition.
ANY = "*"
_ORDERED = {"anyOf": [SCALAR, {"type": "array", "items": SPELLINGS}]}


class Way(Part):
    """One way to tell won and lost deals: conditions on columns of the deals."""

    won: Condition = Field(
        description="Columns and their values: a deal with one of the values in every column is won."
    )
    lost: Condition = Field(description="The same for lost deals. All other deals are open.")

    _conditions = field_validator("won", "lost", mode="before")(as_condition)


class StageFile(Part):
    """A file that lists the CRM's stages, in which their order and meaning are recorded."""

    file: str = Field(description="The file, by its name under `files`.")
    id: Value | None = Field(None, description="The stage's id, if deals refer to stages by id.")
    name: Value = Field(description="The stage's name.")
    order: Value | None = Field(None, description="A number by which stages are sorted.")
    pipeline: Value | None = Field(None, description="The stage's pipeline; each has an order of its own.")
    won: Condition = Field({}, description="Columns and their values: such a stage means won.")
    lost: Condition = Field({}, description="Columns and their values: such a stage means lost.")

    _conditions = field_validator("won", "lost", mode="before")(as_condition)


class Stages(Part):
    """The CRM's stages: what each means, and the open ones in order."""

    prospecting: Names = Field(
        (),
        description="Stages before a deal is engaged. Such deals get no prediction. Only list some if the "
        "files say when a deal left them.",
    )
    open: Annotated[tuple[Names, ...], WithJsonSchema(_ORDERED)] = Field(
        (), description="Stages of open deals, in order; a list in place of a name holds its spellings."
    )
    won: Names = Field((), description="Stages of won deals.")
    lost: Names = Field((), description="Stages of lost deals.")
    listed_in: StageFile | None = Field(None, description="The file that lists the stages, if there is one.")
    empty: Literal["open", "refuse"] = Field(
        "refuse", description="What a deal without a stage is: open, or a fault."
    )

    _lists = field_validator("prospecting", "won", "lost", mode="before")(listed)

    @field_validator("open", mode="before")
    @classmethod
    def _spellings(cls, given: Any) -> Any:
        return [listed(one) for one in listed(given)]


class Formats(Part):
    """How dates, numbers and empty values are written."""

    dates: str | None = Field(
        None,
        description="How dates are written, for example `D.M.YYYY` or `M/D/YYYY`. Unset: each whole column "
        "decides.",
    )
    numbers: Literal["1,234.5", "1.234,5"] | None = Field(
        None,
        description="How numbers are written. Unset: each whole column decides.",
    )
    time_zone: str | None = Field(
        None,
        description="The time zone of the company, for example `Europe/Berlin`: a time stamp with a zone "
        "belongs to the day that it is there. Unset: to the day that is written.",
    )
    stamps_without_zone: Literal["local", "UTC"] = Field(
        "local",
        description="Where the clock of time stamps without a zone stands. `local`: in `time_zone`.",
    )
    empty: Names = Field(
        (), description="Texts that mean `no value`, beside an empty one, for example `n/a`."
    )
    ids: Literal["text", "salesforce"] = Field(
        "text",
        description="How ids are compared. `text`: as they are. `salesforce`: ids of 15 characters are the "
        "same as those of 18.",
    )

    _lists = field_validator("empty", mode="before")(listed)

    @field_validator("dates")
    @classmethod
    def _known_form(cls, form: str | None) -> str | None:
        # People write DD/MM/YYYY and dd.mm.yyyy.
        usual = (form or "").upper()
        usual = usual if usual.startswith("YYYY") else usual.replace("DD", "D").replace("MM", "M")
        if _DATE_FORM.fullmatch(usual):
            return usual
        if form is not None and form not in SPECIAL:
            raise ValueError(
                f"{form!r} is no way to write dates; write, for example, D/M/YYYY, M/D/YY, YYYY-MM-DD, or "
                f"{', '.join(SPECIAL)}"
            )
        return form

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str | None) -> str | None:
        try:
            ZoneInfo(zone or "UTC")
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"there is no time zone {zone!r}; write, for example, Europe/Berlin") from None
        return zone


class Money(Part):
    """Currencies."""

    currency: str | None = Field(
        None,
        pattern=r"^[A-Z]{3}$",
        description="The currency of all amounts and forecasts, three letters. Unset: the one of the deals.",
    )
    rates: dict[str, float] = Field(
        {}, description="What one unit of another currency is worth, for example `EUR: 1.08`."
    )

    @field_validator("rates")
    @classmethod
    def _positive(cls, rates: dict[str, float]) -> dict[str, float]:
        if wrong := [name for name, rate in rates.items() if not 0 < rate < float("inf")]:
            raise ValueError(f"the rate of {', '.join(wrong)} is not above 0")
        return rates


class Table(Part):
    """One of our tables: the file it comes from, and its columns."""

    file: str = Field(description="The file, by its name under `files`.")
    id: Value | None = Field(None, description="The row's id, if deals refer to rows by id.")
    columns: dict[str, Value] = Field({}, description="Our columns, each with where it comes from.")
    leave_out: Condition = Field(
        {}, description="Rows to leave out: columns and their values; one match is enough."
    )

    _conditions = field_validator("leave_out", mode="before")(as_condition)


class Deals(Table):
    """The deals: our columns, and which deals to leave out."""

    file: str = Field("deals", description="The file, by its name under `files`.")
    stage: Value | None = Field(None, description="The CRM's own stage of the deal.")
    keep: Condition = Field(
        {}, description="The only deals to keep: columns and their values; all must match."
    )
    home_amounts: dict[Literal["amount", "close_value"], Value] = Field(
        {}, description="Amounts that the CRM has already converted to the company's currency."
    )

    _more = field_validator("keep", mode="before")(as_condition)


class Mapping(Part):
    """How a CRM calls things. Every line that is left out comes from the preset."""

    preset: str = Field(
        "kaggle",
        description="The preset to start from: kaggle, salesforce, hubspot, dynamics, pipedrive, odoo, none.",
    )
    files: dict[str, Names] = Field(
        {},
        description="The CRM's files: a name for each, and the file names (without ending, `*` for any text) "
        "by which it is found; the first that fits is taken.",
    )
    formats: Formats = Field(default_factory=Formats, description="How dates and numbers are written.")
    money: Money = Field(default_factory=Money, description="Currencies and rates.")
    stages: Stages = Field(default_factory=Stages, description="What the CRM's stages mean.")
    outcome: tuple[Way, ...] = Field(
        (),
        description="Ways to tell won and lost deals, other than by stage: each deal is decided by the first "
        "way whose columns have a value.",
    )
    deals: Deals = Field(default_factory=Deals, description="The deals.")
    accounts: Table | None = Field(None, description="The customers; leave it out if there is no such file.")
    products: Table | None = Field(None, description="The price list.")
    teams: Table | None = Field(None, description="The sales agents.")

    @field_validator("files", mode="before")
    @classmethod
    def _file_names(cls, given: Any) -> Any:
        return {name: listed(names) for name, names in given.items()} if isinstance(given, dict) else given
