"""Raw tables: every date says since when something is known, and columns that a CRM lacks are left out."""

from __future__ import annotations

import pytest

from crm_assets.crm.schema import RAW_SALES_PIPELINE, Column, Dating, RawTable

DAY = Column("day", "date", "A day.")
END = Column("end", "date", "Another day.")
KIND = Column("kind", "string", "A text.")


@pytest.mark.parametrize(
    ("columns", "dated_by", "said"),
    [
        (
            (DAY, KIND),
            (),
            "no dated_by names the date column day; add a Dating that says what",
        ),
        ((DAY, END), (Dating("day"),), "no dated_by names the date column end; add a Dating"),
        (
            (DAY, KIND),
            (Dating("kind"),),
            "dated_by names kind, which is not a date column of the table; name",
        ),
        ((KIND,), (Dating("day"),), "dated_by names day, which is not a date column of the table"),
        (
            (DAY,),
            (Dating("day", known_with=("value",)),),
            "the Dating by day names value, which the table",
        ),
    ],
)
def test_a_table_whose_dates_do_not_say_what_is_known_since_them_is_refused_when_it_is_declared(
    columns: tuple[Column, ...], dated_by: tuple[Dating, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=f"^raw_visits: {said}"):
        RawTable("raw_visits", "Visits.", columns, ("day",), "visits.csv", dated_by=dated_by)


def test_a_table_without_a_date_keeps_the_datings_of_its_other_dates() -> None:
    table = RAW_SALES_PIPELINE.having(["opportunity_id", "deal_stage", "created_date"])
    assert table.names == [
        "opportunity_id",
        "deal_stage",
        "close_date",
        "close_value",
        "created_date",
        "source_row",
    ]
    assert [dating.dates for dating in table.dated_by] == [("created_date",), ("close_date",)]
    assert table.undated == ()


def test_what_a_source_gives_for_a_table_that_it_lacks_has_no_optional_column() -> None:
    visits = RawTable(
        "raw_visits", "Visits.", (KIND, DAY), ("kind",), "visits.csv", undated=("day",), optional=("day",)
    )
    assert visits.absent.column_names == ["kind"]
    assert visits.absent.num_rows == 0
