"""The rules about the names by which deals refer to products, agents and accounts."""

from __future__ import annotations

from crm_assets.crm.name_rules import KnownName, OneSpelling
from crm_assets.crm.rules import InSet, Of, Rule
from crm_assets.crm.schema import RawTable


def known(name: str, column: str, table: RawTable, unknown: str) -> Rule:
    """Return the rule that a name of a deal is listed."""
    (key,) = table.key
    return KnownName(
        name=name,
        column=column,
        of=Of(table.name, key),
        severity="should",
        what=f"is not in {table.file_name}",
        remedy=f"add it there or correct the deals; until then, {unknown}",
    )


def one_spelling(table: RawTable) -> Rule:
    """Return the rule that a table spells each of its names in one way."""
    (key,) = table.key
    return OneSpelling(
        name=f"{key}_in_one_spelling",
        column=key,
        what="differs from another row's name only in spaces",
        remedy=f"keep one row per {key}",
    )


def not_confusable(table: RawTable) -> Rule:
    """Return the rule that a table has no two names that could be confused."""
    (key,) = table.key
    return OneSpelling(
        name=f"{key}_not_confusable",
        column=key,
        confusable=True,
        severity="should",
        what="differs from another row's name only in case, spaces or punctuation",
        remedy=f"leave it if they are two; if they are one {key}, keep one row",
    )


def spelled_alike(name: str, column: str, table: RawTable) -> Rule:
    """Return the rule that deals spell a name as its table does."""
    (key,) = table.key
    return InSet(
        name=name,
        column=column,
        values=Of(table.name, key),
        severity="should",
        what=f"has a different spelling in {table.file_name}",
        remedy="leave it: cleaning corrects the spelling",
    )
