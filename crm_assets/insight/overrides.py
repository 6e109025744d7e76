"""People's own numbers for deals and teams, kept beside the model's; `monitoring` judges both.

Each is a small file of its own that nothing rewrites, so refreshes and new dumps leave them alone, and two
people who save at once lose nothing.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

import pandas as pd

from crm_assets.crm.schema import Column, TableSchema
from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.errors import SettingsError
from crm_assets.insight.ranked import DEAL
from crm_assets.insight.reading import Reader

DEAL_SUBJECT = "deal"
LONGEST_NOTE = 2_000
OVERRIDES = TableSchema(
    name="overrides",
    description="A person's own number for a deal or team, beside the model's.",
    key=("made_at", "subject", "name"),
    columns=(
        Column("subject", "string", "`deal`, or a level of `revenue_forecast`.", nullable=False),
        Column("name", "string", "The deal's id, or the name in `revenue_forecast`.", nullable=False),
        Column("forecast_month", "string", "Month that the number is for, YYYY-MM.", nullable=False),
        Column("number", "float64", "Of a deal its chance to be won, 0 to 1; else revenue.", nullable=False),
        Column("note", "string", "Why.", nullable=False),
        Column("author", "string", "Who.", nullable=False),
        Column("made_at", "string", "When, UTC, ISO 8601.", nullable=False),
    ),
)
COLUMNS = OVERRIDES.names


def save(
    reader: Reader, month: str, subject: str, name: str, number: float, note: str, author: str
) -> pd.DataFrame:
    """Keep a number for the month after `month`, and return its row.

    Args:
        reader: the stored tables, in the author's scope.
        month: a scored month.
        subject: `deal`, or a level of `revenue_forecast`.
        name: the deal's id, or the name in `revenue_forecast`.
        number: of a deal its chance, 0 to 1; else revenue.
        note: why.
        author: who.

    Raises:
        SettingsError: the author does not see this deal or team, or a value is out of range.
        StorageError: the store cannot be written.
    """
    if subject == DEAL_SUBJECT:
        seen = name in set(reader.predictions(month)[DEAL])
        in_range = 0 <= number <= 1
    else:
        rows = reader.forecast(month)
        seen = bool(((rows["level"] == subject) & (rows["name"] == name)).any())
        in_range = 0 <= number < float("inf")
    if not seen:
        raise SettingsError(f"{name} is not among what you see in {month}: choose another one.")
    if not in_range:
        raise SettingsError("The number is out of range: a chance is 0 to 100 %, a revenue 0 or more.")
    if len(note) > LONGEST_NOTE:
        raise SettingsError(f"The note is too long: write at most {LONGEST_NOTE:,} characters.")
    now = datetime.now(UTC)
    made = {
        "subject": subject,
        "name": name,
        "forecast_month": DEFAULT_TARGET.last_month(month),
        "number": float(number),
        "note": note.strip(),
        "author": author,
        "made_at": now.isoformat(timespec="milliseconds"),
    }
    row = pd.DataFrame([made], columns=pd.Index(COLUMNS))
    reader.store.write(OVERRIDES.name, row, OVERRIDES.arrow, f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}")
    return row


def overrides(reader: Reader) -> pd.DataFrame:
    """Return the newest number per deal or team, month and author, as far as the scope shows it."""
    kept = reader.store.months(OVERRIDES.name)
    if not kept:
        return pd.DataFrame(columns=pd.Index(COLUMNS))
    rows = reader.store.to_pandas(reader.store.read(OVERRIDES.name, kept)).sort_values("made_at")
    rows = rows.drop_duplicates(["subject", "name", "forecast_month", "author"], keep="last")
    if not reader.scope.everything:
        rows = rows[_seen(reader, rows)]
    return rows.sort_values(["forecast_month", "subject", "name", "made_at"], ignore_index=True)


def _seen(reader: Reader, rows: pd.DataFrame) -> list[bool]:
    team = reader.team()
    named = rows.rename(columns={"subject": "level"})
    shown = set(reader.scope.of_forecast(named, team).index)
    deals = set(reader.snapshot(reader.newest_month(), (DEAL,))[DEAL])
    return [
        name in deals if subject == DEAL_SUBJECT else place in shown
        for place, subject, name in zip(rows.index, rows["subject"], rows["name"], strict=True)
    ]
