"""What two archived dumps prove: what changes at closing is convicted, what never changes is cleared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import cache, partial

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from crm_assets.crm import cleaning
from crm_assets.crm.history import CHANGE_RATES, change_rates, compared
from crm_assets.modeling.history_audit import told_by_history
from crm_assets.modeling.leak_audit import JUDGED, overruled, strongest
from crm_assets.modeling.verdicts import ADMISSIBLE, INADMISSIBLE, UNPROVEN
from crm_assets.sources.sample import SyntheticSample
from dev.dumps import (
    Tables,
    account_missing_while_open,
    agent_changed_at_random,
    as_of,
    dump_of,
    is_open,
    lots,
    rewritten,
)

DAYS = {"2023-11": date(2023, 11, 30), "2023-12": date(2023, 12, 31)}
ACCOUNT = ["account", "sector", "account_revenue", "account_employees", "account_year_established"]


@cache
def dumps() -> Mapping[str, Tables]:
    """Return the sample as it was exported at the ends of two months."""
    whole = dump_of(SyntheticSample(8_800, seed=7))
    return {month: as_of(whole, month) for month in DAYS}


def cleaned(export: Tables) -> ir.Table:
    deals = cleaning.opportunities({name: ibis.memtable(rows) for name, rows in export.items()}, "2022-10")
    return ibis.memtable(deals.to_pyarrow())


@cache
def cleaned_before() -> ir.Table:
    """Return the cleaned deals of the first of the two dumps."""
    return cleaned(dumps()[min(DAYS)])


def rates(before: ir.Table, after: ir.Table) -> pd.DataFrame:
    """Return the rates of change between the cleaned deals of two exports."""
    since, until = DAYS.values()
    return change_rates(compared(before, after, until), since, until).to_pandas()


def rates_if(column: str, change: Callable[[pa.Table, np.ndarray], np.ndarray]) -> pd.DataFrame:
    """Return the rates of change if a column of the second dump is rewritten."""
    return rates(cleaned_before(), cleaned(rewritten(dumps()[max(DAYS)], column, change)))


def verdicts(found: pd.DataFrame) -> dict[str, str]:
    return told_by_history(found, JUDGED)["verdict"].to_dict()


def test_a_column_rewritten_at_closing_is_convicted_and_what_never_changes_is_cleared() -> None:
    exports = (rewritten(dump, "account", account_missing_while_open) for dump in dumps().values())
    told = told_by_history(rates(*map(cleaned, exports)), JUDGED)
    assert {name for name in told.index if told["verdict"][name] == INADMISSIBLE} >= set(ACCOUNT)
    assert told["verdict"].drop(["account_parent", *ACCOUNT], errors="ignore").eq(ADMISSIBLE).all()
    assert set(told.index) >= {"sales_agent", "product", "manager", "list_price"}
    assert told["reason"]["account"].startswith("which changed between dumps on ")
    assert told["reason"]["account"].endswith(" on 0.0% of those that stayed open")


@pytest.mark.parametrize("seed", range(3))
def test_a_column_that_changes_at_random_is_not_convicted(seed: int) -> None:
    told = verdicts(rates_if("sales_agent", partial(agent_changed_at_random, seed=10 * seed)))
    assert INADMISSIBLE not in told.values()
    assert "sales_agent" not in told


def test_an_agent_who_leaves_and_a_reorganization_convict_nothing() -> None:
    def left(deals: pa.Table, values: np.ndarray) -> np.ndarray:
        values[is_open(deals) & (values == "Agent 0001")] = "Agent 0002"
        return values

    def swapped(deals: pa.Table, values: np.ndarray) -> np.ndarray:
        names = np.unique(values)
        return names[(np.searchsorted(names, values) + 7) % len(names)]

    for change in (left, swapped):
        assert INADMISSIBLE not in verdicts(rates_if("sales_agent", change)).values()


def test_a_value_written_for_won_deals_alone_or_two_months_after_closing_is_convicted() -> None:
    before, after = dumps().values()

    def at_winning(deals: pa.Table, values: np.ndarray) -> np.ndarray:
        won = np.array(deals["deal_stage"].to_pylist()) == "Won"
        values[won & (lots(deals, 3) < 0.2)] = "Closing Desk"
        return values

    def later(day: date, deals: pa.Table, values: np.ndarray) -> np.ndarray:
        closed = deals["close_date"].to_numpy(zero_copy_only=False).astype("datetime64[D]")
        values[~is_open(deals) & (np.datetime64(day) - closed > np.timedelta64(75, "D"))] = "Archive"
        return values

    desk = {"raw_sales_teams": with_agents(after, "Closing Desk", "Archive")}
    both = [dump | desk for dump in (before, after)]
    won = rates(*(cleaned(rewritten(dump, "sales_agent", at_winning)) for dump in both))
    assert verdicts(won)["sales_agent"] == INADMISSIBLE
    late = [
        cleaned(rewritten(dump, "sales_agent", partial(later, day)))
        for dump, day in zip(both, DAYS.values(), strict=True)
    ]
    told = told_by_history(rates(*late), JUDGED)
    assert told["verdict"]["sales_agent"] == INADMISSIBLE
    assert "deals closed up to 120 days before" in told["reason"]["sales_agent"]


def with_agents(dump: Tables, *names: str) -> pa.Table:
    teams = dump["raw_sales_teams"]
    rows = [{"sales_agent": n, "manager": "M", "regional_office": "HQ", "source_row": 900} for n in names]
    return pa.concat_tables([teams, pa.Table.from_pylist(rows, teams.schema)])


def test_too_few_closings_neither_convict_nor_clear() -> None:
    whole = dump_of(SyntheticSample(300, seed=7))
    assert verdicts(rates(*(cleaned(as_of(whole, month)) for month in DAYS))) == {}
    assert told_by_history(CHANGE_RATES.arrow.empty_table().to_pandas(), JUDGED).empty


def test_history_decides_against_the_slope_both_ways() -> None:
    statistics = strongest(
        pd.DataFrame(
            {
                "column": ["account", "sales_agent", "product"],
                "level": "missing",
                "verdict": [INADMISSIBLE, ADMISSIBLE, UNPROVEN],
                "strength": 0.1,
            }
        )
    )
    history = pd.DataFrame(
        {
            "verdict": [ADMISSIBLE, INADMISSIBLE, INADMISSIBLE],
            "reason": ["", *["which changed"] * 2],
        },
        index=pd.Index(["account", "sales_agent", "manager"]),
    )
    both = overruled(statistics, history)
    assert both["verdict"].to_dict() == {
        "account": ADMISSIBLE,
        "sales_agent": INADMISSIBLE,
        "product": UNPROVEN,
        "manager": INADMISSIBLE,
    }
