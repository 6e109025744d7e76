"""`python -m crm_assets.console.tune`: search parameters of an algorithm, or of all under one budget."""

from __future__ import annotations

import argparse
import json
import sys

from rich import box
from rich.console import Console
from rich.table import Table

from crm_assets.console.terminal import run_command, said
from crm_assets.crm.tables import LEAK_AUDIT, TRAINING_SET
from crm_assets.crm.tuning_table import tuning_of
from crm_assets.errors import SettingsError, StorageError
from crm_assets.modeling.tuning import verdict
from crm_assets.settings import get_settings
from crm_assets.sources.select import month_range, select_source
from crm_assets.storage.choice import open_store


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    line = argparse.ArgumentParser(prog="python -m crm_assets.console.tune", description=said(__doc__))
    line.add_argument("--algorithm", default="", help="the algorithm to tune; all by default")
    line.add_argument(
        "--join", action="store_true", help="help with a search that another process or machine has started"
    )
    return line


def main() -> int:
    """Search, and say what was found; return 0 if that succeeded."""
    asked = parser().parse_args()
    if asked.join and not asked.algorithm:
        raise SettingsError("JOIN=yes needs ALGORITHM: name the algorithm whose search this worker joins.")
    # Note the months before the definitions load, since those open no data.
    settings = get_settings()
    month_range(settings, select_source(settings))
    _check_tables()

    from crm_assets.defs import progress, searches

    if asked.join:
        searches.join(asked.algorithm, print)
        return 0
    from crm_assets.definitions import defs, tuning
    from crm_assets.defs.assets.tuning import TUNABLE
    from crm_assets.defs.by_hand import materialize

    rows = [searches.tunable(asked.algorithm)] if asked.algorithm else list(TUNABLE.values())
    names = [row.name for row in rows]
    _tell_plan(names, [searches.budget_of(name, names).trials for name in names])
    failed = materialize((tuning,), defs, ",".join(tuning_of(name).name for name in names), "")
    for reason in failed:
        progress.tell_failure(reason)
    if not failed:
        _tell(names)
    return 1 if failed else 0


def _check_tables() -> None:
    """Raise an error if there is nothing to search on."""
    store = open_store(get_settings())
    missing = [table.name for table in (TRAINING_SET, LEAK_AUDIT) if not store.has(table.name)]
    if missing:
        raise StorageError(f"{store.where(missing[0])} is missing: a search needs the tables of make run.")


def _tell_plan(names: list[str], trials: list[int]) -> None:
    """Say what is going to happen, before a person waits for it."""
    settings = get_settings()
    what = ", ".join(f"{name} ({many})" for name, many in zip(names, trials, strict=True))
    end = (
        ""
        if settings.tune_seconds is None
        else f", but no more than {settings.tune_seconds:g} seconds in all"
    )
    print(
        f"Trials of each algorithm: {what}{end}. Trial 0 is the algorithm as it is. After Ctrl-C, the same "
        "command goes on from here."
    )


def _tell(names: list[str]) -> None:
    """Print the leaderboard of the searches, best validation ROC AUC first."""
    store = open_store(get_settings())
    # Narrow enough for the longest name in a terminal of 80 columns.
    shown = Table(
        title="Validation ROC AUC before and after the search",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    for title in ("algorithm", "trials", "before", "best", "gain", "± error", "held out", "adopted"):
        shown.add_column(title, justify="left" if title in ("algorithm", "adopted") else "right")
    found = []
    for name in names:
        searched = store.to_pandas(store.read(tuning_of(name).name))
        if searched.empty:
            print(f"{name}: there are too few months to search on.")
            continue
        (best,) = searched[searched["best"]].to_dict("records")
        found.append((best["validation_roc_auc"], name, len(searched), best))
    found.sort(key=lambda one: (-one[0], one[1]))
    for auc, name, trials, best in found:
        figures = (auc - best["gain"], auc, best["gain"], best["gain_se"], best["gain_held_out"])
        texts = ["" if figure != figure else f"{figure:.4f}" for figure in figures]
        shown.add_row(name, str(trials), *texts, "yes" if best["adopted"] else "no")
    console = Console()
    console.print(shown)
    for _, name, trials, best in found:
        figures = (best["gain"], best["gain_se"], best["gain_held_out"])
        console.print(f"{name}: {verdict(best['trial'], *figures, trials)}", soft_wrap=True)
        if best["adopted"]:
            console.print(f"  {json.loads(best['parameters'])}", soft_wrap=True)
    if any(best["adopted"] for *_, best in found):
        after = (
            "The next training (make run) uses the adopted ones; the champion is chosen among all algorithms."
        )
    else:
        after = "Nothing changes: the next training (make run) builds the algorithms as they are."
    console.print(
        f"The best of many configurations looks better than it is: held-out months say what is left. {after}",
        soft_wrap=True,
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
