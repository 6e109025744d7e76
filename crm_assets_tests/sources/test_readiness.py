"""Readiness counts what a dump has, and refuses what nothing can be foretold from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from crm_assets.crm.months import MonthRange
from crm_assets.crm.schema import RAW_SALES_PIPELINE, RAW_TABLES
from crm_assets.errors import NotEnoughDataError
from crm_assets.modeling.training_rows import training_rows
from crm_assets.settings import Settings
from crm_assets.sources.calendar import covered_by
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.quarantine import Sifted
from crm_assets.sources.readiness import Readiness, readiness
from crm_assets.sources.sample import SyntheticSample
from crm_assets_tests.chain import Chain, with_details

SAMPLE = SyntheticSample(900, seed=1)
Change = Callable[[pa.Table], pa.Table]


def found(change: Change = lambda deals: deals, settings: Settings | None = None) -> Readiness:
    """Return the readiness of a sample whose deals are changed."""
    taken = SAMPLE.take(*RAW_TABLES)
    deals = change(taken[RAW_SALES_PIPELINE.name].rows)
    taken[RAW_SALES_PIPELINE.name] = Sifted.whole(deals)
    months = covered_by(deals) or MonthRange("2022-10", "2023-12")
    return readiness(taken, months, settings or Settings())


def of_stages(*stages: str) -> Change:
    return lambda deals: deals.filter(pc.is_in(deals["deal_stage"], pa.array(stages)))


def engaged_from(day: date) -> Change:
    return lambda deals: deals.filter(pc.greater_equal(deals["engage_date"], day))


def test_it_counts_what_the_training_set_will_have(small_chain: Chain) -> None:
    from crm_assets.modeling.training import training_set

    store = small_chain.store
    rows = training_set(store.read("win_features", small_chain.months), store.read("opportunities"))
    store.write("training_set", rows, rows.to_pyarrow().schema)
    trained = training_rows(store.path("training_set"))
    counted = found()
    assert counted.labeled == {m: (trained.deals[m], trained.wins[m]) for m in trained.months}
    assert counted.open_deals == len(small_chain.features("2023-12"))
    assert counted.deals == 900
    assert counted.no_model == ""
    counted.check()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            of_stages("Won", "Lost"),
            r"^No deal is open at the end of 2023-12, so there is nothing to forecast",
        ),
        (of_stages("Won", "Lost", "Prospecting"), r"^No deal is open at the end of 2023-12"),
        (of_stages("Engaging", "Prospecting"), r"^sales_pipeline.csv has no closed deal: "),
        (of_stages("Engaging", "Lost"), r"^sales_pipeline.csv has no won deal: "),
        (
            engaged_from(date(2023, 12, 1)),
            r"^The deals cover 2023-12 to 2023-12, and no month of these shows",
        ),
    ],
    ids=["closed deals only", "closed and prospecting deals", "no closed deal", "no win", "one month"],
)
def test_a_dump_from_which_nothing_can_be_foretold_is_refused_in_a_sentence(
    change: Change, reason: str
) -> None:
    with pytest.raises(NotEnoughDataError, match=reason):
        found(change).check()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda deals: deals.slice(0, 60), "The past months show "),
        (engaged_from(date(2023, 9, 1)), "There are 3 labeled months"),
    ],
    ids=["few deals", "few months"],
)
def test_a_small_dump_gets_no_model_but_a_forecast(change: Change, reason: str) -> None:
    small = found(change)
    assert small.no_model.startswith(reason)
    small.check()


def test_it_says_what_the_crm_lacks_without_what_would_be_looked_up_by_it() -> None:
    lacks = found(lambda deals: deals.drop_columns(["account", "product"]))
    assert lacks.lacking == ["product", "account"]
    assert len(lacks.left_out) == 13
    assert lacks.further == []
    assert len(found(with_details).further) == 11


def test_values_that_a_stage_does_not_have_are_not_empty() -> None:
    empty = found().empty
    assert ("sales_pipeline.csv", "close_date") not in empty
    assert ("sales_pipeline.csv", "engage_date") not in empty
    assert 0 < empty["sales_pipeline.csv", "account"] < 0.1


def test_rows_that_are_set_aside_and_values_that_are_left_out_are_counted(small_dump: Path) -> None:
    text = (small_dump / "sales_pipeline.csv").read_text().splitlines()
    text.append("BAD1,Agent 0001,Product A Pro,,Almost,2023-01-05,,")
    text.append("BAD2,Agent 0001,Product A Pro,,Engaging,2023-01-05,,700")
    (small_dump / "sales_pipeline.csv").write_text("\n".join(text))
    taken = CsvFolder(small_dump, "test", quarantines=True).take(*RAW_TABLES)
    broken = readiness(taken, MonthRange("2022-10", "2023-12"), Settings()).broken
    assert broken == {
        ("sales_pipeline.csv", "stage_known, set aside"): 1,
        ("sales_pipeline.csv", "open_deals_have_no_close_value, value left out"): 1,
    }


def test_vendors_ask_for_won_and_lost_deals() -> None:
    counted = found()
    assert counted.enough_for(200)
    assert not counted.enough_for(300)
