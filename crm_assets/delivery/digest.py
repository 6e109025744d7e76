"""The digest of a manager: what to expect, what changed, what is at risk, and what was won and lost."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from jinja2 import Environment, PackageLoader, Template, select_autoescape

from crm_assets.delivery.formats import Formats, formats
from crm_assets.insight.changes import Change, changes
from crm_assets.insight.headline import headline
from crm_assets.insight.ranked import DEAL
from crm_assets.insight.reading import Reader
from crm_assets.insight.risk import Limits, at_risk
from crm_assets.settings import Settings

# A message lists at most so many deals of each kind; the dashboard has all of them.
LISTED = 5


@dataclass(frozen=True)
class Digest:
    """A message to one person or channel.

    Attributes:
        subject: the first line.
        text: the message as Slack and plain mail show it.
        html: the message as a page.
    """

    subject: str
    text: str
    html: str


def digest(reader: Reader, month: str, settings: Settings, name: str = "") -> Digest:
    """Return the digest of a month, as far as the reader's scope shows it.

    Args:
        reader: the stored tables, in the scope of the person who gets it.
        month: a scored month.
        settings: limits, locale and the dashboard's address.
        name: whose deals they are, for the subject; empty for all.

    Raises:
        StorageError: a table is missing or damaged.
    """
    words = formats(settings.locale, reader.currency())
    facts = {
        "whose": name or "all deals",
        "until": words.month(month),
        "expected": _expected(reader, month, words),
        **_changes(reader, month, words),
        "risks": _risks(reader, month, settings, words),
        "link": settings.dashboard_url,
    }
    subject = f"Sales forecast, {facts['whose']}: {facts['expected'][0]}"
    page = _template("digest.html").render(subject=subject, **facts)
    text = _template("digest.txt").render(subject=subject, **facts)
    return Digest(subject, text.strip() + "\n", page)


def _expected(reader: Reader, month: str, words: Formats) -> list[str]:
    rows = headline(reader.forecast(month), reader.scope)
    if rows.empty:
        return [f"no forecast for {words.month(month)}"]
    lines = []
    for row in rows.to_dict("records"):
        wins, revenue = words.number(row["total_wins"]), words.money(row["total_revenue"])
        line = f"{wins} wins and {revenue} until the end of {words.month(row['forecast_month'])}"
        if pd.notna(row["total_revenue_low"]):
            low, high = words.money(row["total_revenue_low"]), words.money(row["total_revenue_high"])
            line += f" ({low} to {high} four times out of five)"
        lines.append(line)
    return lines


def _changes(reader: Reader, month: str, words: Formats) -> dict[str, object]:
    before = reader.month_before(month)
    if before is None:
        return {"since": None, "counts": [], "won": [], "lost": []}
    deals = changes(reader, month, before).deals
    counts = deals["change"].value_counts()
    said = [
        f"{int(counts[kind.value]):,} {kind.value.replace('_', ' ')}"
        for kind in Change
        if kind is not Change.SAME and kind.value in counts
    ]
    won = deals[deals["change"] == Change.WON.value].sort_values(
        ["close_value", DEAL], ascending=[False, True]
    )
    lost = deals[deals["change"] == Change.LOST.value]
    return {
        "since": words.month(before),
        "counts": said,
        "won": [_deal(row, words.money(row["close_value"])) for row in _records(won)],
        "lost": [
            _deal(row, f"{words.money(row['expected_value_before'])} hoped for") for row in _records(lost)
        ],
    }


def _risks(reader: Reader, month: str, settings: Settings, words: Formats) -> list[str]:
    deals = at_risk(reader, month, Limits.of(settings))
    deals = deals[deals["within_3_months"] >= settings.band_limits[-1]]
    return [
        _deal(row, f"{words.money(row['expected_value'])} if won; {row['risk']}") for row in _records(deals)
    ]


def _records(deals: pd.DataFrame) -> list[dict]:
    return deals.head(LISTED).to_dict("records")


def _deal(row: dict, what: str) -> str:
    who = [str(row[name]) for name in ("sales_agent", "product", "account") if isinstance(row.get(name), str)]
    return f"{', '.join([str(row[DEAL]), *who])}: {what}"


def _template(name: str) -> Template:
    """Return a template; names from the CRM are escaped in pages, and for Slack in texts."""
    loader = PackageLoader("crm_assets.delivery", "templates")
    found = Environment(
        loader=loader, autoescape=select_autoescape(["html"]), trim_blocks=True, lstrip_blocks=True
    )
    found.filters["plain"] = _plain
    return found.get_template(name)


def _plain(text: object) -> str:
    """Return a text without the three signs that Slack reads as markup."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
