"""What changed between two dumps of a CRM, before, at and after closing; and snapshots as they were known."""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from crm_assets.crm.deals import OPPORTUNITIES
from crm_assets.crm.history import CHANGE_RATES, FIELD_HISTORY, change_rates, changes, compared, summary
from crm_assets.crm.snapshots import completed, month_rows, snapshots

SINCE, UNTIL = date(2017, 11, 30), date(2018, 1, 31)
DAYS = {"engage_date": "2017-10-01", "created_date": "2017-10-01"}


def deal(name: str, **values: object) -> dict[str, object]:
    row = dict.fromkeys(OPPORTUNITIES.names) | {"opportunity_id": name, "product": "P", "list_price": 1.0}
    row |= {"sales_agent": "A", "account": "X", "stage": "Engaging", "created_date_source": "engage_date"}
    row |= DAYS | values
    dates = ("engage_date", "created_date", "close_date")
    return row | {d: date.fromisoformat(str(row[d])) for d in dates if row[d]}


def deals(*rows: dict[str, object]) -> ir.Table:
    return ibis.memtable(pa.Table.from_pylist(list(rows), OPPORTUNITIES.arrow))


def won(name: str, day: str = "2017-12-20", **values: object) -> dict[str, object]:
    return deal(name, **({"stage": "Won", "close_date": day, "close_value": 5.0} | values))


def told(before: ir.Table, after: ir.Table) -> pd.DataFrame:
    table = changes(compared(before, after, UNTIL), SINCE, UNTIL)
    assert table.schema.equals(FIELD_HISTORY.arrow)
    return table.to_pandas()


def shown(before: ir.Table, after: ir.Table) -> list[tuple[object, ...]]:
    names = ["opportunity_id", "column", "before", "after", "moment", "stage"]
    return [tuple(None if pd.isna(v) else v for v in row) for row in told(before, after)[names].to_numpy()]


def test_closing_alone_is_no_change() -> None:
    before = deals(deal("a"), deal("b"), deal("c", stage="Prospecting", engage_date=None))
    after = deals(won("a"), deal("b"), deal("c", engage_date="2017-12-05"), deal("new"))
    assert shown(before, after) == []


def test_a_value_rewritten_at_closing_before_or_after_it_is_told_with_its_moment() -> None:
    before = deals(deal("a", account=None), deal("b"), won("c", "2017-11-01"))
    after = deals(won("a"), deal("b", account="Y"), won("c", "2017-11-01", sales_agent="B"))
    assert shown(before, after) == [
        ("a", "account", None, "X", "at_closing", "Won"),
        ("b", "account", "X", "Y", "before_closing", "Engaging"),
        ("c", "sales_agent", "A", "B", "after_closing", "Won"),
    ]


def test_reopened_vanished_and_moved_deals_are_told() -> None:
    before = deals(won("a", "2017-11-20"), deal("b"), deal("c"), won("d", "2017-11-20"))
    after = deals(deal("a"), deal("c", engage_date="2017-10-20"), won("d", "2017-11-25", close_value=7.0))
    assert shown(before, after) == [
        ("a", "close_date", "2017-11-20", None, "reopened", "Engaging"),
        ("a", "close_value", "5.0", None, "reopened", "Engaging"),
        ("a", "stage", "Won", "Engaging", "reopened", "Engaging"),
        ("b", "opportunity_id", "b", None, "vanished", "Engaging"),
        ("c", "engage_date", "2017-10-01", "2017-10-20", "before_closing", "Engaging"),
        ("d", "close_date", "2017-11-20", "2017-11-25", "after_closing", "Won"),
        ("d", "close_value", "5.0", "7.0", "after_closing", "Won"),
    ]


def test_rates_count_the_deals_of_each_moment_and_outcome() -> None:
    before = deals(deal("a", account=None), deal("b"), deal("c"), won("d", "2017-10-15"), deal("gone"))
    after = deals(won("a"), won("b"), deal("c", account="Z"), won("d", "2017-10-15"))
    rates = change_rates(compared(before, after, UNTIL), SINCE, UNTIL)
    assert rates.schema.equals(CHANGE_RATES.arrow)
    of = rates.to_pandas().query("column == 'account'").set_index(["moment", "outcome"])
    assert of.loc[("at_closing", "Won"), ["deals", "changed"]].tolist() == [2, 1]
    assert of.loc[("before_closing", "open"), ["deals", "changed"]].tolist() == [1, 1]
    assert of.loc[("after_closing", "Won"), ["days_after", "deals", "changed"]].tolist() == [120, 1, 0]
    gone = rates.to_pandas().query("moment == 'vanished'")
    assert gone[["column", "outcome", "deals", "changed"]].to_numpy().tolist() == [
        ["opportunity_id", "open", 1, 1]
    ]
    assert summary(rates.to_pandas())["changed"].tolist() == [1, 1, 1]


def test_a_month_between_dumps_has_the_values_of_the_last_and_the_dates_of_the_next() -> None:
    before = deals(deal("a", account=None), deal("b"), won("c", "2017-11-20"), deal("gone"))
    after = deals(
        won("a", account="X"),
        won("b", "2018-01-05", sales_agent="Closing Desk"),
        deal("c"),
        deal("d", engage_date="2017-12-10", created_date="2017-12-10"),
        deal("e", engage_date="2018-01-10", created_date="2018-01-10"),
    )
    calendar = ibis.memtable(month_rows(["2017-12"]))
    found = snapshots(completed(before, after, SINCE), calendar).to_pyarrow().to_pandas()
    shown = found.set_index("opportunity_id")[["stage", "account", "sales_agent", "known_from"]]
    assert shown.replace({None: "-"}).T.to_dict("list") == {
        "a": ["Won", "-", "A", "2017-11-30"],
        "b": ["Engaging", "X", "A", "2017-11-30"],
        "c": ["Won", "X", "A", "2017-11-30"],
        "d": ["Engaging", "X", "A", "reconstructed"],
        "gone": ["Engaging", "X", "A", "2017-11-30"],
    }


def test_a_row_says_whether_its_dump_was_known_by_the_months_end() -> None:
    calendar = ibis.memtable(month_rows(["2017-10", "2017-11"]))
    found = snapshots(deals(deal("a")), calendar, SINCE).to_pyarrow().to_pandas()
    assert found["known_from"].tolist() == ["reconstructed", "2017-11-30"]
    alone = snapshots(deals(deal("a")), calendar).to_pyarrow().to_pandas()
    assert alone["known_from"].tolist() == ["reconstructed"] * 2
