"""A home that belongs to another source is refused everywhere, or put aside; nothing is lost."""

from __future__ import annotations

import re
from pathlib import Path

from crm_assets.sources.sample import SyntheticSample
from crm_assets_tests.chain import write_dump
from dev.place import MODULE, Place

OTHER = {"CRM_SAMPLE_SEED": "8"}
REFUSED = "holds the tables of sample:2000-seed-7. The source in force is sample:2000-seed-8"


def state(there: Place) -> dict[str, bytes]:
    """Return the bytes of the tables and of the registry's database."""
    return there.contents() | {"registry": (there.folder / "home" / "mlflow.db").read_bytes()}


def test_make_run_refuses_another_sources_home_and_writes_nothing(sample_run: tuple[Place, str]) -> None:
    there, _ = sample_run
    before = state(there)
    done = there.python("-m", "crm_assets", **OTHER)
    assert done.returncode == 1
    assert REFUSED in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert state(there) == before


def test_the_cli_refuses_another_sources_home_too(sample_run: tuple[Place, str]) -> None:
    there, _ = sample_run
    before = state(there)
    for assets in ("raw_accounts", "win_predictions", "champion"):
        month = ("--partition", "2023-06") if assets == "win_predictions" else ()
        done = there.dagster("asset", "materialize", *MODULE, "--select", assets, *month, **OTHER)
        assert done.returncode != 0
        assert REFUSED in done.stderr
    assert state(there) == before


def test_a_forgotten_data_folder_does_not_put_synthetic_months_beside_real_ones(
    sample_run: tuple[Place, str], tmp_path: Path
) -> None:
    there, _ = sample_run
    before = state(there)
    dump = write_dump(tmp_path / "dump", SyntheticSample(300, seed=1))
    done = there.python("-m", "crm_assets", CRM_SOURCE="csv", CRM_DATA_DIR=str(dump))
    assert done.returncode == 1
    assert re.search(r"The source in force is csv:dump-[0-9a-f]{6}: CSV files in ", done.stdout)
    assert state(there) == before


def test_put_aside_starts_afresh_and_the_former_home_opens_again(
    sample_run: tuple[Place, str], tmp_path: Path
) -> None:
    there, _ = sample_run
    copy = there.copy(tmp_path / "copy")
    former = copy.contents()
    done = copy.python("-m", "crm_assets", **OTHER, CRM_ON_OTHER_SOURCE="put_aside")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The tables of sample:2000-seed-7 were moved to " in done.stdout
    assert "version 1" in done.stdout
    assert copy.contents() != former
    [aside] = (copy.folder / "home" / "put-aside").iterdir()
    again = copy.dagster(
        "asset",
        "materialize",
        *MODULE,
        "--select",
        "win_predictions",
        "--partition",
        "2023-12",
        CRM_HOME=str(aside),
    )
    assert again.returncode == 0, again.stderr
    kept = {
        path.relative_to(aside / "tables").as_posix(): path.read_bytes()
        for path in (aside / "tables").rglob("*")
        if path.is_file()
    }
    assert kept == former


def test_a_home_of_before_the_records_is_taken_over(sample_run: tuple[Place, str], tmp_path: Path) -> None:
    copy = sample_run[0].copy(tmp_path / "copy")
    (copy.tables / "source.json").unlink()
    done = copy.dagster("asset", "materialize", *MODULE, "--select", "raw_accounts")
    assert done.returncode == 0, done.stderr
    assert "had no record of their source; it is now sample:2000-seed-7." in done.stderr
    assert (copy.tables / "source.json").read_text() == '{"source": "sample:2000-seed-7"}\n'


def test_every_start_says_which_source_is_in_force(sample_run: tuple[Place, str]) -> None:
    there, printed = sample_run
    assert "Source     SYNTHETIC sample of 2,000 opportunities" in printed
    started = there.python("-m", "crm_assets.console.start", "echo", "started")
    assert started.stdout == "started\n"
    assert "Source     SYNTHETIC sample of 2,000 opportunities" in started.stderr
    assert "Months     2022-10 to 2023-12" in started.stderr
    away = there.python(
        "-m", "crm_assets.console.start", "echo", "started", CRM_DATA_DIR="/away", CRM_SOURCE="csv"
    )
    assert away.stdout == "started\n"
    assert "The folder /away does not exist" in away.stderr
    assert str(there.metadata("raw_accounts")["source"].value).startswith("SYNTHETIC sample of 2,000")


def test_a_month_that_does_not_exist_is_one_line_that_says_which_there_are(
    sample_run: tuple[Place, str],
) -> None:
    there, _ = sample_run
    for asked in (
        ("--partition", "2031-01"),
        ("--partition-range", "2023-01...2031-01"),
        ("--partition", "soon"),
    ):
        done = there.dagster("asset", "materialize", *MODULE, "--select", "win_features", *asked)
        assert done.returncode == 1
        assert "there are 2022-10 to 2023-12, written YYYY-MM" in done.stderr
        assert "Traceback" not in done.stdout + done.stderr


def test_a_launched_run_over_a_month_that_does_not_exist_ends_at_its_first_step(
    sample_run: tuple[Place, str],
) -> None:
    there, _ = sample_run
    before = there.contents()
    tags = '{"dagster/partition": "2031-01"}'
    done = there.dagster("job", "execute", *MODULE, "--job", "finished_month", "--tags", tags)
    assert done.returncode == 1
    assert "NoSuchMonthError: There is no month '2031-01'; there are 2022-10 to 2023-12" in done.stderr
    assert there.contents() == before


def test_an_impossible_last_month_is_refused_at_once(sample_run: tuple[Place, str]) -> None:
    there, _ = sample_run
    before = state(there)
    done = there.python("-m", "crm_assets", CRM_LAST_MONTH="2024-12")
    assert done.returncode == 1
    assert "CRM_LAST_MONTH 2024-12 lies after the data, which covers 2022-10 to 2023-12" in done.stdout
    assert state(there) == before
