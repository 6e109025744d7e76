"""Snapshots and features written in pandas: the alternative that `benchmarks.tables` compares with."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crm_assets.crm.as_of import SMOOTHING_DEALS
from crm_assets.crm.months import month_end, month_of_quarter, month_start, shift
from crm_assets.crm.schema import CLOSED_STAGES, Stage
from crm_assets.crm.snapshots import RECONSTRUCTED
from crm_assets.crm.tables import MONTHLY_SNAPSHOTS, WIN_FEATURES
from crm_assets.crm.targets import TARGETS

CLOSED = [stage.value for stage in CLOSED_STAGES]


def snapshots(folder: Path, months: list[str], out: Path) -> None:
    """Write the snapshots of some months."""
    deals = _read(folder / "opportunities.parquet").sort_values("opportunity_id", ignore_index=True)
    schema = MONTHLY_SNAPSHOTS.having(deals.columns).arrow
    for month in months:
        _write(_snapshot(deals, month), schema, out / "monthly_snapshots", month)


def features(folder: Path, months: list[str], out: Path, horizon: str) -> None:
    """Write the features of some months, from their snapshots."""
    columns = ["opportunity_id", "stage", "close_date"]
    deals = _read(folder / "opportunities.parquet", columns)
    won = deals[deals["stage"] == Stage.WON.value].set_index("opportunity_id")["close_date"]
    for month in months:
        snapshot = _read(out / "monthly_snapshots" / f"{month}.parquet")
        table = _features(snapshot, won, month, horizon)
        _write(table, WIN_FEATURES.arrow, out / "win_features", month)


def _snapshot(deals: pd.DataFrame, month: str) -> pd.DataFrame:
    end = pd.Timestamp(month_end(month))
    known = deals[deals["created_date"] <= end]
    closed = known["close_date"] <= end
    engaged = known["engage_date"].notna().map({True: Stage.ENGAGING.value, False: Stage.PROSPECTING.value})
    return known.assign(
        snapshot_month=month,
        stage=known["stage"].where(closed, engaged),
        close_date=known["close_date"].where(closed),
        close_value=known["close_value"].where(closed),
        known_from=RECONSTRUCTED,
    )


def _features(snapshot: pd.DataFrame, won: pd.Series, month: str, horizon: str) -> pd.DataFrame:
    end = pd.Timestamp(month_end(month))
    is_closed = snapshot["stage"].isin(CLOSED)
    counts = pd.DataFrame(
        {
            "wins": snapshot["stage"] == Stage.WON.value,
            "closed": is_closed,
            "open": snapshot["stage"] == Stage.ENGAGING.value,
        }
    ).astype("int64")
    base_rate = counts.loc[is_closed, "wins"].mean()
    cycle = (snapshot["close_date"] - snapshot["engage_date"])[is_closed].dt.days.median()
    table = snapshot[snapshot["stage"] == Stage.ENGAGING.value].sort_values("opportunity_id")
    for who in ("sales_agent", "product", "account"):
        record = counts.groupby(snapshot[who]).sum()
        record["rate"] = (record["wins"] + SMOOTHING_DEALS * base_rate) / (record["closed"] + SMOOTHING_DEALS)
        table = table.merge(record.add_prefix(f"{who}_"), how="left", left_on=who, right_index=True)
    days_open = (end - table["engage_date"]).dt.days
    table = table.assign(
        account_age_years=end.year - table["account_year_established"],
        is_subsidiary=table["account_parent"].notna(),
        has_account=table["account"].notna(),
        days_open=days_open,
        engage_day_of_week=table["engage_date"].dt.dayofweek,
        month_of_quarter=month_of_quarter(shift(month, 1)),
        days_open_vs_median_cycle=days_open / (cycle or float("nan")),
        agent_win_rate=table["sales_agent_rate"],
        agent_closed_deals=table["sales_agent_closed"],
        agent_open_deals=table["sales_agent_open"],
        product_win_rate=table["product_rate"],
        product_open_deals=table["product_open"],
        account_win_rate=table["account_rate"],
        account_closed_deals=table["account_closed"],
    )
    won_on = table["opportunity_id"].map(won)
    for target in TARGETS:
        last = target.last_month(month)
        in_time = won_on.between(pd.Timestamp(month_start(shift(month, 1))), pd.Timestamp(month_end(last)))
        table[target.name] = None if last > horizon else in_time.astype("int64")
    return table


def _read(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    # The default, dates as Python objects, would be even slower.
    return pq.read_table(path, columns=columns).to_pandas(date_as_object=False)


def _write(frame: pd.DataFrame, schema: pa.Schema, folder: Path, month: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pandas(frame[schema.names], schema, preserve_index=False)
    pq.write_table(table, folder / f"{month}.parquet", compression="zstd")
