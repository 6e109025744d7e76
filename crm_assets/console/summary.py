"""The summary of a run in a terminal: the forecast, how far to trust it, and the most likely wins."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import ibis.expr.types as ir
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from crm_assets.crm.all_features import feature
from crm_assets.crm.months import MonthRange, month_end, month_of
from crm_assets.crm.tables import CURRENT_PREDICTIONS
from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.modeling.forecast import TOTAL, without_price
from crm_assets.modeling.pooled import rate_in_force
from crm_assets.modeling.verdicts import ABSENT, INADMISSIBLE, POOLED_RATE, SEASONAL_RATE, UNPROVEN
from crm_assets.storage.tables import TableStore

LIKELIEST = 10
REASONS = 1
NO_NUMBER = "-"


@dataclass(frozen=True)
class Results:
    """The tables of a run of the whole graph that the summary shows."""

    source: str
    synthetic: bool
    months: MonthRange
    leak_audit: pd.DataFrame
    leaderboard: pd.DataFrame
    open_deals: int
    predictions: pd.DataFrame
    forecast: pd.DataFrame
    currency: str = "USD"
    without_price: int = 0
    current: pd.DataFrame = field(default_factory=pd.DataFrame)


def read_results(store: TableStore, months: MonthRange, source: str, synthetic: bool) -> Results:
    """Read the tables of the summary.

    Raises:
        StorageError: one of the tables is not stored.
    """

    def read(name: str, month: str | None = None) -> pd.DataFrame:
        return store.to_pandas(store.read(name, None if month is None else [month]))

    return Results(
        source=source,
        synthetic=synthetic,
        months=months,
        leak_audit=read("leak_audit"),
        leaderboard=read("champion"),
        open_deals=store.rows("win_features", months.last),
        predictions=read("win_predictions", months.last),
        forecast=read("revenue_forecast", months.last),
        currency=currency_of(store.read("opportunities")),
        without_price=without_price(store.read("monthly_snapshots", [months.last]))
        .count()
        .to_pyarrow()
        .as_py(),
        current=read(CURRENT_PREDICTIONS.name),
    )


def currency_of(opportunities: ir.Table) -> str:
    """Return the currency of the amounts; if the CRM does not say, dollars."""
    if "currency" not in opportunities.columns:
        return "USD"
    return opportunities.currency.min().to_pyarrow().as_py() or "USD"


def show(results: Results, console: Console) -> None:
    """Print the summary."""
    next_month = DEFAULT_TARGET.last_month(results.months.last)
    console.rule(f"[bold]Forecast for {next_month}")
    if results.synthetic:
        console.print(
            "[bold yellow]SYNTHETIC DATA: every number below describes a made-up CRM.[/bold yellow]"
        )
    console.print(f"Source     {results.source}", soft_wrap=True)
    console.print(f"Months     {results.months.first} to {results.months.last}")
    console.print(f"Leaks      {_leaks(results.leak_audit)}", soft_wrap=True)
    console.print(f"Champion   {_champion(results)}")
    console.print(f"Deals      {_deals(results)}")
    console.print(f"Expected   {_expected(results.forecast, results.currency)}", soft_wrap=True)
    if results.without_price:
        console.print(
            f"Prices     {results.without_price:,} open deals have no amount and no list price: they count "
            "with what won deals of their product fetched on average",
            soft_wrap=True,
        )
    console.print()
    console.print(_totals(results.forecast, results.currency))
    console.print(_likeliest(results.predictions, *_horizon(results), results.currency))
    if within := _within_a_month(results):
        console.print(within)
    if rate_in_force(results.leaderboard) != POOLED_RATE:
        console.print(_leaderboard(results.leaderboard))


def _leaks(audit: pd.DataFrame) -> str:
    audit = audit[audit["verdict"] != ABSENT]
    guilty = audit[audit["verdict"] == INADMISSIBLE]
    doubted = audit.loc[(audit["verdict"] == UNPROVEN) & ~audit["used"], "feature"].tolist()
    said = [_convicted(guilty, len(audit))] if len(guilty) else []
    if doubted:
        said.append(
            f"{len(doubted)} may know it ({', '.join(doubted)}): kept out too, see the asset leak_audit"
        )
    return "; ".join(said) or "none found"


def _convicted(guilty: pd.DataFrame, features: int) -> str:
    used = guilty.loc[guilty["used"], "feature"].tolist()
    kept = f"your settings still use {', '.join(used)}" if used else "kept out of the models"
    return f"{len(guilty)} of {features} features know the outcome ({', '.join(guilty['feature'])}): {kept}"


def _champion(results: Results) -> str:
    if results.predictions.empty:
        return "none can score this month"
    first = results.predictions.iloc[0]
    if first["algorithm"] == POOLED_RATE:
        return "none: the data is not enough for a model; every deal has the pooled rate of its age"
    if first["algorithm"] == SEASONAL_RATE:
        chosen = results.leaderboard.loc[results.leaderboard["chosen"], "contender"].item()
        return f"none: {chosen} is worse than the seasonal rate, which makes the predictions"
    return f"{first['algorithm']}, version {first['model_version']}"


def _deals(results: Results) -> str:
    scored = len(results.predictions)
    how_many = "all" if scored == results.open_deals else f"{scored:,}"
    return f"{results.open_deals:,} open at the end of {results.months.last}, {how_many} scored"


def _totals(forecast: pd.DataFrame, currency: str) -> Table:
    """Return the totals by horizon, their 80 % intervals, and the parts that they add up from."""
    table = _table("What will be sold, with the interval that holds 4 times out of 5")
    table.add_column("until the end of")
    for name in ("wins", "interval", "from open deals", "new business"):
        table.add_column(name, justify="right")
    for name in (currency, "interval"):
        table.add_column(name, justify="right")
    for row in forecast[forecast["level"] == TOTAL].to_dict("records"):
        table.add_row(
            row["forecast_month"],
            _number(row["total_wins"], 0),
            _interval(row, "total_wins"),
            _number(row["expected_wins"], 0),
            _number(row["new_wins"], 0),
            _number(row["total_revenue"], 0),
            _interval(row, "total_revenue"),
        )
    return table


def _interval(row: dict[str, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "too few months" if pd.isna(low) else f"{_number(low, 0)} to {_number(high, 0)}"


def _expected(forecast: pd.DataFrame, currency: str) -> str:
    totals = forecast[forecast["level"] == TOTAL]
    if totals.empty:
        return "nothing can be said yet"
    first = totals.iloc[0]
    total = f"{first['total_wins']:,.0f} wins and {first['total_revenue']:,.0f} {currency}"
    parts = f"{first['expected_wins']:,.0f} from open deals, {first['new_wins']:,.0f} from deals not open yet"
    return f"{total} in {first['forecast_month']}: {parts}"


def _horizon(results: Results) -> tuple[str, str]:
    """Return the probability column to list deals by, and its last month.

    It is the first horizon that brings at least as many wins as the list has rows: in a quiet month the next
    one alone would list deals that nobody expects.
    """
    totals = results.forecast[results.forecast["level"] == TOTAL]
    for row in totals.to_dict("records"):
        if row["expected_wins"] >= LIKELIEST or row["horizon_months"] == totals["horizon_months"].max():
            ahead = int(row["horizon_months"])
            return ("probability" if ahead == 1 else f"probability_{ahead}_months"), row["forecast_month"]
    return "probability", DEFAULT_TARGET.last_month(results.months.last)


def _leaderboard(board: pd.DataFrame) -> Table:
    table = _table("Leaderboard, walk-forward: chosen on the validation months, reported on the test months")
    table.add_column("contender")
    for name in ("validation AUC", "test AUC", "Brier", "ECE", "realized wins", "expected wins"):
        table.add_column(name, justify="right")
    for row in board.to_dict("records"):
        mark = _mark(row)
        numbers = [
            _number(row[name], 3) for name in ("validation_roc_auc", "test_roc_auc", "test_brier", "test_ece")
        ]
        wins = [_number(row[name], 0) for name in ("test_realized_wins", "test_expected_wins")]
        style = "bold" if row["in_force"] else ""
        table.add_row(f"{row['contender']}{mark}", *numbers, *wins, style=style)
    return table


def _mark(row: dict[str, Any]) -> str:
    if row["in_force"]:
        return " (makes the predictions)" if row["baseline"] else " (champion)"
    if row["chosen"]:
        return " (candidate, not promoted)"
    return " (baseline)" if row["baseline"] else ""


def _likeliest(predictions: pd.DataFrame, column: str, month: str, currency: str) -> Table:
    when = f"in {month}" if column == "probability" else f"until the end of {month}"
    table = _table(f"Most likely wins {when}")
    likeliest = predictions.sort_values([column, "opportunity_id"], ascending=[False, True]).head(LIKELIEST)
    shown = _add_deal_columns(table, likeliest)
    for name in ("days open", "probability", f"expected {currency}"):
        table.add_column(name, justify="right")
    table.add_column("why")
    for row in likeliest.to_dict("records"):
        table.add_row(
            *(row[name] or NO_NUMBER for name in shown),
            f"{row['days_open']}",
            f"{row[column]:.1%}",
            f"{row[column] * row['expected_value']:,.0f}",
            ", ".join(feature(push["feature"]).said(push["value"]) for push in row["pushed_up"][:REASONS]),
        )
    return table


def _add_deal_columns(table: Table, deals: pd.DataFrame) -> list[str]:
    """Add the columns that say which deal a row is, and return their names in `deals`."""
    shown = {"opportunity_id": "deal", "sales_agent": "agent", "product": "product"}
    shown = {name: title for name, title in shown.items() if name in deals.columns}
    for name, title in shown.items():
        # An id that is cut off finds no deal; names may wrap.
        ids = deals[name] if name == "opportunity_id" else ()
        table.add_column(title, min_width=max(map(len, ids), default=None), overflow="fold")
    return list(shown)


def _within_a_month(results: Results) -> Table | None:
    """Return the likeliest wins as of the day that CRM_AS_OF asks for, unless it is the last month's end."""
    current = results.current
    if current.empty or current["as_of"].iloc[0] == f"{month_end(results.months.last)}":
        return None
    day = current["as_of"].iloc[0]
    month, column = month_of(date.fromisoformat(day)), "probability_this_month"
    # On a month's last day nothing is left of it.
    rest = current[column].sum() > 0
    until = month if rest else DEFAULT_TARGET.last_month(month)
    chance = column if rest else "probability"
    table = _table(
        f"As of {day}: {len(current):,} deals are open; {current[chance].sum():,.0f} should be won "
        f"by the end of {until}"
    )
    likeliest = current.sort_values([chance, "opportunity_id"], ascending=[False, True]).head(LIKELIEST)
    shown = _add_deal_columns(table, likeliest)
    for name in ("days open", f"by the end of {until}", "ever"):
        table.add_column(name, justify="right")
    for row in likeliest.to_dict("records"):
        chances = (f"{row[name]:.1%}" for name in (chance, "probability_ever"))
        table.add_row(*(row[name] or NO_NUMBER for name in shown), f"{row['days_open']}", *chances)
    return table


def _table(title: str) -> Table:
    return Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1), pad_edge=False)


def _number(value: float, digits: int) -> str:
    return NO_NUMBER if pd.isna(value) else f"{value:,.{digits}f}"
