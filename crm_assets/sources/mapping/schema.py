"""The schema of a mapping (`crm.yaml`): which file, column and value of a CRM is which of ours.

Every part has a description: the JSON Schema for editors is made from these classes.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema

Outcome = Literal["open", "closed", "won", "lost", "engaged"]
# The value that stands for any value in a condition.
ANY = "*"

_KINDS = "column, first_of, words, text, table, or file"


class Part(BaseModel):
    """A part of a mapping: it knows its keys and refuses others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Value(Part):
    """Where a value comes from. A column name or a list of alternatives is a short form of it."""

    column: str | None = Field(None, description="A column of the file, by its name in the header.")
    first_of: tuple[Value, ...] = Field(
        (), description="Alternatives: in each row, the first that has a value. A list means the same."
    )
    words: tuple[Value, ...] = Field(
        (), description="Values joined by blanks, for example a first and a last name."
    )
    text: str | None = Field(None, description="The same text in every row.")
    table: Literal["accounts", "products", "teams"] | None = Field(
        None, description="One of our tables: the value is the name that it gives the row with this `id`."
    )
    file: str | None = Field(
        None, description="Another file, by its name under `files`: the value is looked up there by `id`."
    )
    id: Value | None = Field(None, description="The id to look up, in the file at hand.")
    its: Value | None = Field(None, description="The id in the other file.")
    take: Value | None = Field(None, description="The value to take from the other file.")
    by: Value | None = Field(
        None,
        description="If the other file has several rows of an id: take the one with the largest value of "
        "this, read as a number. Unset: the first row.",
    )
    when: Outcome | None = Field(None, description="Only deals with this outcome have the value.")
    divided_by: float | None = Field(None, gt=0, description="Divide the number by this.")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"column": given}
        if isinstance(given, list | tuple):
            return {"first_of": given}
        return given

    @model_validator(mode="after")
    def _one_kind(self) -> Value:
        given = [name for name in ("column", "first_of", "words", "table", "file") if getattr(self, name)] + (
            ["text"] if self.text is not None else []
        )
        if len(given) != 1:
            raise ValueError(f"names {', '.join(given) or 'nothing to take'}; name one of {_KINDS}")
        needed = {"table": ("id",), "file": ("id", "its", "take")}.get(given[0], ())
        if missing := [name for name in needed if getattr(self, name) is None]:
            raise ValueError(f"a value from another {given[0]} also needs {' and '.join(missing)}")
        if extra := [
            name
            for name in ("id", "its", "take", "by")
            if getattr(self, name) and name not in (*needed, "by")
        ]:
            raise ValueError(f"{', '.join(extra)} belongs to a value from another file; remove it")
        return self

    @property
    def columns(self) -> list[str]:
        """The columns of the file at hand that it may come from, in order."""
        if self.column:
            return [self.column]
        parts = (*self.first_of, *self.words, *((self.id,) if self.id else ()))
        return list(dict.fromkeys(name for part in parts for name in part.columns))

    @property
    def own_columns(self) -> list[str]:
        """The columns of the file at hand that hold the value, or the id of one of our tables."""
        if self.file:
            return []
        if not self.first_of and not self.words:
            return self.columns
        return list(
            dict.fromkeys(name for part in (*self.first_of, *self.words) for name in part.own_columns)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Offer the short forms to editors too."""
        schema = handler(core)
        target = handler.resolve_ref_schema(schema)
        if "anyOf" not in target:
            full = dict(target)
            described = full.pop("description", "")
            full.pop("title", None)
            target.clear()
            target.update(
                title="Value",
                description=described,
                anyOf=[
                    {"type": "string", "description": "A column of the file."},
                    {"type": "array", "items": {"$ref": "#/$defs/Value"}},
                    full,
                    {"type": "null", "description": "Not there: removes the line of the preset."},
                ],
            )
        return schema


_SCALAR = {"type": ["string", "number", "boolean"]}
# One text, or a list of texts.
Names = Annotated[tuple[str, ...], WithJsonSchema({"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]})]
Condition = dict[str, Names]


def _listed(given: Any) -> Any:
    """Turn a single name into a list of one."""
    return given if isinstance(given, list | tuple) else (given,)


def _as_condition(given: Any) -> Any:
    return {name: _listed(values) for name, values in given.items()} if isinstance(given, dict) else given


class Way(Part):
    """One way to tell won and lost deals: conditions on columns of the deals."""

    won: Condition = Field(
        description="Columns and their values: a deal with one of the values in every column is won."
    )
    lost: Condition = Field(description="The same for lost deals. All other deals are open.")

    _conditions = field_validator("won", "lost", mode="before")(_as_condition)


class StageFile(Part):
    """A file that lists the CRM's stages, in which their order and meaning are recorded."""

    file: str = Field(description="The file, by its name under `files`.")
    id: Value | None = Field(None, description="The stage's id, if deals refer to stages by id.")
    name: Value = Field(description="The stage's name.")
    order: Value | None = Field(None, description="A number by which stages are sorted.")
    pipeline: Value | None = Field(None, description="The stage's pipeline; each has an order of its own.")
    won: Condition = Field({}, description="Columns and their values: such a stage means won.")
    lost: Condition = Field({}, description="Columns and their values: such a stage means lost.")

    _conditions = field_validator("won", "lost", mode="before")(_as_condition)


class Stages(Part):
    """The CRM's stages: what each means, and the open ones in order."""

    prospecting: Names = Field(
        (),
        description="Stages before a deal is engaged. Such deals get no prediction. Only list some if the "
        "files say when a deal left them.",
    )
    open: tuple[Names, ...] = Field(
        (), description="Stages of open deals, in order; a list in place of a name holds its spellings."
    )
    won: Names = Field((), description="Stages of won deals.")
    lost: Names = Field((), description="Stages of lost deals.")
    listed_in: StageFile | None = Field(None, description="The file that lists the stages, if there is one.")
    empty: Literal["open", "refuse"] = Field(
        "refuse", description="What a deal without a stage is: open, or a fault."
    )

    _lists = field_validator("prospecting", "won", "lost", mode="before")(_listed)

    @field_validator("open", mode="before")
    @classmethod
    def _spellings(cls, given: Any) -> Any:
        return [_listed(one) for one in _listed(given)]


class Formats(Part):
    """How dates, numbers and empty values are written."""

    dates: str | None = Field(
        None,
        description="How dates are written, for example `D.M.YYYY` or `M/D/YYYY`. Unset: each whole column "
        "decides.",
    )
    numbers: str | None = Field(
        None,
        description="How numbers are written: `1,234.56` or `1.234,56`. Unset: each whole column decides.",
    )
    time_zone: str = Field(
        "UTC",
        description="The time zone of the company, for example `Europe/Berlin`: a time stamp with a zone "
        "belongs to the day that it is there.",
    )
    empty: Names = Field(
        (), description="Texts that mean `no value`, beside an empty one, for example `n/a`."
    )
    ids: Literal["text", "salesforce"] = Field(
        "text",
        description="How ids are compared. `text`: as they are. `salesforce`: ids of 15 characters are the "
        "same as those of 18.",
    )

    _lists = field_validator("empty", mode="before")(_listed)


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

    _conditions = field_validator("leave_out", mode="before")(_as_condition)


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

    _more = field_validator("keep", mode="before")(_as_condition)


class Mapping(Part):
    """How a CRM calls things. Every line that is left out comes from the preset."""

    preset: str = Field(
        "kaggle",
        description="The preset to start from: kaggle, salesforce, hubspot, dynamics, pipedrive, odoo, or none.",
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
        return {name: _listed(names) for name, names in given.items()} if isinstance(given, dict) else given
