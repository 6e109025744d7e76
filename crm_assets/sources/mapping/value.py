"""A value of a mapping: where in a CRM's files it comes from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, field_validator, model_validator

Outcome = Literal["open", "closed", "won", "lost", "engaged"]
SCALAR = {"type": ["string", "number", "boolean"]}
SPELLINGS = {"anyOf": [SCALAR, {"type": "array", "items": SCALAR}]}
# One text, or a list of texts.
Names = Annotated[tuple[str, ...], WithJsonSchema(SPELLINGS)]
Condition = dict[str, Names]
_KINDS = "column, first_of, words, text, table, or file"


def listed(given: Any) -> Any:
    """Turn a single name into a list of one."""
    return given if isinstance(given, list | tuple) else (given,)


def as_condition(given: Any) -> Any:
    """Turn each single value of a condition into a list of one."""
    return {name: listed(values) for name, values in given.items()} if isinstance(given, dict) else given


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
        "this, a number or a date. Unset: the first row.",
    )
    pick: Literal["largest", "smallest"] = Field(
        "largest", description="With `by`: take the row with the largest value, or the smallest."
    )
    where: Condition = Field(
        {}, description="Columns of the other file and their values: only rows that match all count."
    )
    when: Outcome | None = Field(None, description="Only deals with this outcome have the value.")
    divided_by: float | None = Field(None, gt=0, description="Divide the number by this.")

    _condition = field_validator("where", mode="before")(as_condition)

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
            for name in ("id", "its", "take", "by", "where")
            if getattr(self, name) and name not in needed and given[0] != "file"
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
