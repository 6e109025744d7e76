"""The summary of a run in a terminal: the forecast, how far to trust it, and the most likely wins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import ibis.expr.types as ir
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from crm_assets.console.likeliest import WithinAMonth, likeliest, within_a_month
from crm_assets.crm.months import MonthRange
from crm_assets.crm.schema import Stage
from crm_assets.crm.tables import CURRENT_PREDICTIONS
from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.insight.headline import sentence
from crm_assets.insight.leaderboard import role
from crm_assets.insight.reading import currency_of
from crm_assets.insight.words import UP, reasons
from crm_assets.modeling.explanation import TOP
from crm_assets.modeling.forecast import TOTAL, without_price
from crm_assets.modeling.pooled import rate_in_force
from crm_assets.modeling.verdicts import ABSENT, INADMISSIBLE, POOLED_RATE, SEASONAL_RATE, UNPROVEN
from crm_assets.storage.tables import TableStore

REASONS = 1
NO_NUMBER = "-"
# Below this width, tables leave columns out and count money in thousands.
WIDE = 100


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
    prospects: int = 0
    quarantined: tuple[tuple[str, int], ...] = ()
    current: pd.DataFrame = field(default_factory=pd.DataFrame)


def read_results(store: TableStore, months: MonthRange, source: str, synthetic: bool) -> Results:
    """Read the tables of the summary.

    Raises:
        StorageError: one of the tables is not stored.
    """

    def read(name: str, month: str | None = None) -> pd.DataFrame:
        return store.to_pandas(store.read(name, None if month is None else [month]))

    snapshot = store.read("monthly_snapshots", [months.last])
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
        without_price=_count(without_price(snapshot)),
        prospects=_count(snapshot.filter(snapshot.stage == Stage.PROSPECTING.value)),
        quarantined=_quarantined(read("quarantined_rows")),
        current=read(CURRENT_PREDICTIONS.name),
    )


def _count(rows: ir.Table) -> int:
    return rows.count().to_pyarrow().as_py()


def _quarantined(rows: pd.DataFrame) -> tuple[tuple[str, int], ...]:
    """Return how many rows of which table were quarantined; a row may break several rules."""
    counts = rows.drop_duplicates(["table", "source_row"]).groupby("table").size()
    return tuple((str(table), int(count)) for table, count in counts.items())


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
    console.print(f"Deals      {_deals(results)}", soft_wrap=True)
    if results.quarantined:
        rows = ", ".join(f"{count:,} of {table}" for table, count in results.quarantined)
        console.print(
            f"Set aside  {rows}: no number counts these rows; `quarantined_rows` says why", soft_wrap=True
        )
    console.print(f"Expected   {_expected(results.forecast, results.currency)}", soft_wrap=True)
    if results.without_price:
        console.print(
            f"Prices     {results.without_price:,} open deals have no amount and no list price: they count "
            "with what won deals of their product fetched on average",
            soft_wrap=True,
        )
    console.print()
    wide = console.width >= WIDE
    console.print(_totals(results.forecast, results.currency, wide))
    console.print()
    if not results.predictions.empty:
        found = likeliest(results.predictions, results.forecast, results.months.last)
        if len(found.deals):
            console.print(_likeliest(found.deals, found.month, found.horizon_months, results.currency))
        for note in found.notes:
            console.print(f"[dim]{note}[/dim]")
        console.print()
    if found := within_a_month(results.current, results.months.last):
        console.print(_within_a_month(found))
        console.print()
    if rate_in_force(results.leaderboard) != POOLED_RATE:
        console.print(_leaderboard(results.leaderboard, wide))
        console.print()


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
    said = f"{results.open_deals:,} open at the end of {results.months.last}, {how_many} scored"
    if results.prospects:
        said += f"; {results.prospects:,} more are prospects, which get no probability until they engage"
    return said


def _totals(forecast: pd.DataFrame, currency: str, wide: bool) -> Table:
    """Return the totals by horizon, their 80 % intervals, and the parts that they add up from."""
    table = _table("What will be sold, with the interval that holds 4 times out of 5")
    unit, amount = (1, currency) if wide else (1_000, f"1,000 {currency}")
    table.add_column("until the end of", min_width=len("until the"))
    for name in ("wins", "interval", "from open deals", "new business", amount, "interval"):
        _add_column(table, name, justify="right", no_wrap=name == "interval")
    for row in forecast[forecast["level"] == TOTAL].to_dict("records"):
        table.add_row(
            row["forecast_month"],
            _number(row["total_wins"], 0),
            _interval(row, "total_wins"),
            _number(row["expected_wins"], 0),
            _number(row["new_wins"], 0),
            _number(row["total_revenue"] / unit, 0),
            _interval(row, "total_revenue", unit),
        )
    return table


def _interval(row: dict[str, Any], name: str, unit: int = 1) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "too few months" if pd.isna(low) else f"{_number(low / unit, 0)} to {_number(high / unit, 0)}"


def _expected(forecast: pd.DataFrame, currency: str) -> str:
    totals = forecast[forecast["level"] == TOTAL]
    if totals.empty:
        return "nothing can be said yet"
    return sentence(totals.iloc[0], currency)


def _leaderboard(board: pd.DataFrame, wide: bool) -> Table:
    table = _table("Leaderboard: chosen on the validation months, reported on the test months")
    table.add_column("contender", no_wrap=True)
    table.add_column("", min_width=len("champion"))
    names = ("validation AUC", "test AUC", "Brier", "ECE", "realized wins", "expected wins")
    shown = [name for name in names if wide or name != "ECE"]
    for name in shown:
        _add_column(table, name, justify="right")
    for row in board.to_dict("records"):
        numbers = dict(
            zip(
                names,
                [
                    *(_number(row[name], 3) for name in ("validation_roc_auc", "test_roc_auc")),
                    *(_number(row[name], 3) for name in ("test_brier", "test_ece")),
                    *(_number(row[name], 0) for name in ("test_realized_wins", "test_expected_wins")),
                ],
                strict=True,
            )
        )
        style = "bold" if row["in_force"] else ""
        table.add_row(row["contender"], role(row), *(numbers[name] for name in shown), style=style)
    return table


def _likeliest(deals: pd.DataFrame, month: str, horizon_months: int, currency: str) -> Table:
    when = f"in {month}" if horizon_months == 1 else f"until the end of {month}"
    table = _table(f"Most likely wins {when}")
    shown = _add_deal_columns(table, deals)
    table.add_column("chance", justify="right", no_wrap=True)
    table.add_column(f"{currency} if won", justify="right")
    table.add_column("why")
    for row in deals.to_dict("records"):
        why = [reason.words for reason in reasons(row, 2 * TOP) if reason.direction == UP][:REASONS]
        table.add_row(
            *(row[name] or NO_NUMBER for name in shown),
            f"{row['chance']:.1%}",
            f"{row['expected_value']:,.0f}",
            ", ".join(why) or f"open for {row['days_open']:,} days",
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


def _within_a_month(found: WithinAMonth) -> Table:
    table = _table(found.title)
    shown = _add_deal_columns(table, found.deals)
    for name in ("days open", f"by the end of {found.month}", "ever"):
        table.add_column(name, justify="right")
    for row in found.deals.to_dict("records"):
        chances = (f"{row[name]:.1%}" for name in ("chance", "probability_ever"))
        table.add_row(*(row[name] or NO_NUMBER for name in shown), f"{row['days_open']}", *chances)
    return table


def _table(title: str) -> Table:
    return Table(
        title=title, box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0), show_edge=False
    )


def _add_column(table: Table, title: str, **more: Any) -> None:
    """Add a column that is wide enough for the words of its title."""
    table.add_column(title, min_width=max(map(len, title.split())), **more)


def _number(value: float, digits: int) -> str:
    return NO_NUMBER if pd.isna(value) else f"{value:,.{digits}f}"
