"""A month as an Excel workbook or as CSV files: forecast, deals, changes and notes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time

import pandas as pd
import xlsxwriter

from crm_assets.crm.months import month_end
from crm_assets.crm.tables import REVENUE_FORECAST
from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.insight.changes import MEANING, changes
from crm_assets.insight.headline import headline, sentence
from crm_assets.insight.ranked import WHO_AND_WHAT, ranked, why
from crm_assets.insight.reading import Reader
from crm_assets.modeling.outlook.cells import TOTAL
from crm_assets.settings import Settings

# Above this many deals, the reasons of the first ones are written only: nobody reads more.
MOST_REASONS = 5_000
# Excel's own limit, less the header.
MOST_ROWS = 1_048_575
WIDEST = 60
PERCENT, MONEY, COUNT, DECIMAL = "0.0 %", "#,##0.00", "#,##0", "#,##0.0"


@dataclass(frozen=True)
class Sheet:
    """One sheet: its rows, and the number format of each column that has one."""

    rows: pd.DataFrame
    formats: Mapping[str, str]


def sheets(reader: Reader, month: str, settings: Settings, source: str) -> dict[str, Sheet]:
    """Return the sheets of a month by name, as far as the reader's scope shows it.

    Args:
        reader: the stored tables, in somebody's scope.
        month: a scored month.
        settings: the limits of the bands.
        source: describes the data.

    Raises:
        StorageError: a table is missing or damaged.
    """
    return {
        "Forecast": _forecast(reader, month),
        "Deals": _deals(reader, month, settings),
        "Changes": _changes(reader, month),
        "Notes": Sheet(_notes(reader, month, source), {}),
    }


def workbook_name(month: str) -> str:
    """Return how the files of a month are called: by the month that is forecast, and when that was known.

    >>> workbook_name("2017-12")
    'forecast-2018-01-as-of-2017-12'
    """
    return f"forecast-{DEFAULT_TARGET.last_month(month)}-as-of-{month}"


def workbook(found: Mapping[str, Sheet], month: str) -> bytes:
    """Return an Excel workbook: frozen headers, filters, number formats and widths."""
    buffer = io.BytesIO()
    # Text stays text: no formulas, links or numbers are read out of it.
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(buffer, {**options, "in_memory": True, "nan_inf_to_errors": False}) as book:
        # The same tables give the same bytes, whenever they are written.
        book.set_properties({"created": datetime.combine(month_end(month), time(), UTC)})
        head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        for name, sheet in found.items():
            page = book.add_worksheet(name)
            for place, column in enumerate(sheet.rows.columns):
                number = sheet.formats.get(column)
                style = book.add_format({"num_format": number}) if number else None
                values = sheet.rows[column].head(MOST_ROWS).tolist()
                longest = max([len(str(value)) for value in values[:200]] + [len(column) // 2, 8])
                is_note = name == "Notes"
                page.set_column(
                    place, place, min(longest + 2, 100 if is_note else WIDEST), wrapped if is_note else style
                )
                page.write_string(0, place, column, head)
                for row, value in enumerate(values, start=1):
                    if isinstance(value, str):
                        page.write_string(row, place, value)
                    elif value is not None and value == value:
                        page.write_number(row, place, value)
            page.freeze_panes(1, 1)
            if len(sheet.rows.columns):
                page.autofilter(0, 0, max(1, min(len(sheet.rows), MOST_ROWS)), len(sheet.rows.columns) - 1)
    return buffer.getvalue()


def _forecast(reader: Reader, month: str) -> Sheet:
    rows = reader.forecast(month)
    # The sum of all that the scope shows stands first.
    own = rows["level"] == (TOTAL if reader.scope.everything else reader.scope.level.value)
    rows = pd.concat([rows[own], rows[~own]], ignore_index=True)
    formats = {name: MONEY for name in rows if "revenue" in name}
    formats |= {name: DECIMAL for name in rows if "wins" in name}
    return Sheet(rows[REVENUE_FORECAST.having(rows.columns).names], formats)


def _deals(reader: Reader, month: str, settings: Settings) -> Sheet:
    rows = ranked(reader, month, settings.band_limits)
    reasons = why(reader, month, rows.head(MOST_REASONS)).reindex(rows.index)
    rows = rows.drop(columns=["pushed_up", "pushed_down"]).assign(why=reasons)
    return Sheet(
        rows,
        {
            "probability": PERCENT,
            "within_3_months": PERCENT,
            "expected_value": MONEY,
            "worth": MONEY,
            "days_open": COUNT,
        },
    )


def _changes(reader: Reader, month: str) -> Sheet:
    before = reader.month_before(month)
    if before is None:
        return Sheet(pd.DataFrame({"change": [f"{month} is the first scored month."]}), {})
    rows = changes(reader, month, before).deals
    formats = {name: MONEY for name in rows if "expected" in name or name == "close_value"}
    formats |= {"probability": PERCENT, "probability_before": PERCENT}
    return Sheet(rows, formats)


def summary(reader: Reader, month: str) -> str:
    """Return in a sentence what the next month brings, as far as the reader's scope shows it."""
    totals = headline(reader.forecast(month), reader.scope)
    if totals.empty:
        return "There is no forecast for these deals."
    first = totals.iloc[0]
    return f"{sentence(first, reader.currency())}."


def _notes(reader: Reader, month: str, source: str) -> pd.DataFrame:
    predictions = reader.predictions(month)
    made = predictions[["algorithm", "model_version"]].drop_duplicates()
    by = ", ".join(f"{row.algorithm} {row.model_version}" for row in made.itertuples())
    notes = [
        ("in a sentence", summary(reader, month)),
        ("month", f"Deals as known at the end of {month}."),
        ("whose", reader.scope.said()),
        ("source", source),
        ("amounts", f"In {reader.currency()}."),
        ("predictions by", by or "nobody: no open deal"),
        ("probability", "Chance to be won in the month after; 0 to 1."),
        ("within_3_months", "Chance to be won within three months."),
        ("expected_value", "Revenue of the deal if it is won."),
        ("worth", "within_3_months x expected_value; the sheet Deals is sorted by it."),
        ("expected_, new_, total_", "Of deals open now, of deals not open yet, and of both."),
        ("_low, _high", "The ends of the interval that holds the outcome 4 times out of 5."),
        (
            "why",
            f"Of the first {MOST_REASONS:,} deals: what raises and what lowers `probability`, the chance of "
            "the month after. The order of the sheet goes by `within_3_months`.",
        ),
        *((f"change: {kind.value}", meaning) for kind, meaning in MEANING.items()),
        ("columns of names", ", ".join(WHO_AND_WHAT)),
        ("CSV files", "An apostrophe precedes text that a spreadsheet would run as a formula."),
    ]
    return pd.DataFrame(notes, columns=pd.Index(["what", "meaning"]))
