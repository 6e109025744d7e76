"""Snapshots and features written in Polars: the alternative that `benchmarks.tables` compares with."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from crm_assets.crm.as_of import SMOOTHING_DEALS
from crm_assets.crm.months import month_end, month_of_quarter, month_start, shift
from crm_assets.crm.schema import CLOSED_STAGES, Stage
from crm_assets.crm.snapshots import RECONSTRUCTED
from crm_assets.crm.tables import MONTHLY_SNAPSHOTS, WIN_FEATURES
from crm_assets.crm.targets import TARGETS

CLOSED = [stage.value for stage in CLOSED_STAGES]


def snapshots(folder: Path, months: list[str], out: Path) -> None:
    """Write the snapshots of some months."""
    deals = pl.scan_parquet(folder / "opportunities.parquet")
    for month in months:
        _write(_snapshot(deals, month), out / "monthly_snapshots", month)


def features(folder: Path, months: list[str], out: Path, horizon: str) -> None:
    """Write the features of some months, from their snapshots."""
    deals = pl.scan_parquet(folder / "opportunities.parquet")
    for month in months:
        snapshot = pl.scan_parquet(out / "monthly_snapshots" / f"{month}.parquet")
        _write(_features(snapshot, deals, month, horizon), out / "win_features", month)


def _snapshot(deals: pl.LazyFrame, month: str) -> pl.LazyFrame:
    end = month_end(month)
    closed = (pl.col("close_date") <= end).fill_null(value=False)
    engaged = pl.col("engage_date").is_not_null()
    return (
        deals.filter(pl.col("created_date") <= end)
        .with_columns(
            snapshot_month=pl.lit(month),
            stage=pl.when(closed)
            .then("stage")
            .when(engaged)
            .then(pl.lit(Stage.ENGAGING.value))
            .otherwise(pl.lit(Stage.PROSPECTING.value)),
            close_date=pl.when(closed).then("close_date"),
            close_value=pl.when(closed).then("close_value"),
            known_from=pl.lit(RECONSTRUCTED),
        )
        .select(MONTHLY_SNAPSHOTS.having(deals.collect_schema().names()).names)
        .sort("opportunity_id")
    )


def _features(snapshot: pl.LazyFrame, deals: pl.LazyFrame, month: str, horizon: str) -> pl.LazyFrame:
    end = month_end(month)
    won, closed = pl.col("stage") == Stage.WON.value, pl.col("stage").is_in(CLOSED)
    is_open = pl.col("stage") == Stage.ENGAGING.value
    cycle = (pl.col("close_date") - pl.col("engage_date")).dt.total_days()
    totals = snapshot.filter(closed).select(base_rate=won.mean(), median_cycle=cycle.median())
    table = snapshot.filter(is_open).join(totals, how="cross")
    for who in ("sales_agent", "product", "account"):
        counts = {"wins": won, "closed": closed, "open": is_open}
        record = snapshot.filter(pl.col(who).is_not_null()).group_by(who)
        table = table.join(
            record.agg(**{f"{who}_{name}": flag.cast(pl.Int64).sum() for name, flag in counts.items()}),
            on=who,
            how="left",
        )
    days_open = (pl.lit(end) - pl.col("engage_date")).dt.total_days()
    table = table.with_columns(
        account_age_years=(end.year - pl.col("account_year_established")).cast(pl.Float64),
        is_subsidiary=pl.col("account_parent").is_not_null(),
        has_account=pl.col("account").is_not_null(),
        days_open=days_open,
        engage_day_of_week=pl.col("engage_date").dt.weekday().cast(pl.Int64) - 1,
        month_of_quarter=pl.lit(month_of_quarter(shift(month, 1)), pl.Int64),
        days_open_vs_median_cycle=days_open / pl.col("median_cycle").replace(0, None),
        agent_win_rate=_smoothed("sales_agent"),
        agent_closed_deals="sales_agent_closed",
        agent_open_deals="sales_agent_open",
        product_win_rate=_smoothed("product"),
        product_open_deals="product_open",
        account_win_rate=_smoothed("account"),
        account_closed_deals="account_closed",
    )
    return _labeled(table, deals, month, horizon).select(WIN_FEATURES.names).sort("opportunity_id")


def _labeled(table: pl.LazyFrame, deals: pl.LazyFrame, month: str, horizon: str) -> pl.LazyFrame:
    first: date = month_start(shift(month, 1))
    wins = deals.filter(pl.col("stage") == Stage.WON.value, pl.col("close_date") >= first)
    table = table.join(wins.select("opportunity_id", won_on="close_date"), on="opportunity_id", how="left")
    labels = {}
    for target in TARGETS:
        last = target.last_month(month)
        won = (pl.col("won_on") <= month_end(last)).fill_null(value=False).cast(pl.Int64)
        labels[target.name] = pl.lit(None, pl.Int64) if last > horizon else won
    return table.with_columns(**labels)


def _smoothed(who: str) -> pl.Expr:
    wins, closed = pl.col(f"{who}_wins"), pl.col(f"{who}_closed")
    return (wins + SMOOTHING_DEALS * pl.col("base_rate")) / (closed + SMOOTHING_DEALS)


def _write(table: pl.LazyFrame, folder: Path, month: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    table.sink_parquet(folder / f"{month}.parquet", compression="zstd", compression_level=1)
