"""`CRM_DATA_DIR=... python -m benchmarks.estimate`: hold estimates before labels against what came.

The data sets are the dump in `CRM_DATA_DIR`, the synthetic sample, and a company that grows
(`benchmarks.growing`), the latter two small and large. Each month that can be walked forward is estimated
from the champion's probabilities of that month, with an interval from the months whose outcome was known by
then. Nothing is tuned on these months. Writes its tables into README.md.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd

from benchmarks.forecast import backtested
from benchmarks.growing import Company, write_growing
from benchmarks.report import MODELS, write_section
from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.modeling.bootstrap import auc_standard_error
from crm_assets.modeling.metrics import scores
from crm_assets.monitoring.estimate import expected_roc_auc, of_predictions
from crm_assets.settings import get_settings
from crm_assets.sources.base import Source
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.sample import SyntheticSample

NEAR = 0.03
LARGE_SAMPLE, LARGE = 88_000, 28_000
LABEL = DEFAULT_TARGET.name
# Which months of past estimates widen an interval, as in the asset.
PAST = 12
MEASURES = ("roc_auc", "brier", "wins_of_open_deals")


def months_of(name: str, walked: pd.DataFrame) -> pd.DataFrame:
    """Return each month's estimates beside what came.

    Args:
        name: of the data.
        walked: calibrated walk-forward predictions of the champion.

    Returns:
        One row per month and measure: what was said, its interval and what came; for the ROC AUC also the
        standard errors of what came, by chance if the probabilities are right, and by bootstrap over deals.
    """
    by_month = {
        str(month): rows for month, rows in walked.groupby("snapshot_month", observed=True) if len(rows)
    }
    found = []
    for month, rows in by_month.items():
        known = [by_month[each] for each in DEFAULT_TARGET.labeled(by_month, month)][-PAST:]
        past = [(each["probability"], each[LABEL].to_numpy(dtype="float64")) for each in known]
        made = rows.assign(scored_by="", algorithm="", model_version="")
        chance = rows["probability"].to_numpy(dtype="float64")
        came = scores(rows[LABEL].to_numpy(dtype="float64"), chance)
        of_month = {
            "data": name,
            "month": month,
            "deals": len(rows),
            "wins": int(rows[LABEL].sum()),
            "chance": expected_roc_auc(chance)[1],
            "error": auc_standard_error(rows, LABEL),
        }
        found += [
            of_month
            | {column: one[column] for column in ("measure", "said", "lower", "upper")}
            | {"came": came.get(one["measure"], came["realized_wins"])}
            for one in of_predictions(made, month, past).to_dict("records")
        ]
    return pd.DataFrame(found)


def report(found: pd.DataFrame) -> str:
    """Return the results as Markdown: by data set, then by month."""
    found = found.assign(
        near=(found["said"] - found["came"]).abs() <= NEAR,
        inside=(found["lower"] <= found["came"]) & (found["came"] <= found["upper"]),
        perfect=_within(found["chance"]),
        clear=NormalDist().inv_cdf(0.9) * found["error"] <= NEAR,
    )
    auc = found[found["measure"] == "roc_auc"]
    lines = [
        "| data | months | within 0.03 | a perfect estimate | months whose own ROC AUC is known to 0.03 | "
        "within 0.03 | mean error | mean absolute error | inside: ROC AUC | Brier | wins |",
        f"|{' --- |' * 11}",
    ]
    for name, rows in [*auc.groupby("data", sort=False), ("all", auc)]:
        clear, error = rows[rows["clear"]], rows["said"] - rows["came"]
        own = found if name == "all" else found[found["data"] == name]
        inside = [f"{own.loc[own['measure'] == measure, 'inside'].mean():.0%}" for measure in MEASURES]
        lines.append(
            f"| {name} | {len(rows)} | {rows['near'].sum()} ({rows['near'].mean():.0%}) | "
            f"{rows['perfect'].mean():.0%} | {len(clear)} | "
            f"{clear['near'].sum()} ({clear['near'].mean():.0%}) | "
            f"{error.mean():+.3f} | {error.abs().mean():.3f} | {' | '.join(inside)} |"
        )
    lines += ["", "| data | month | deals | wins | ROC AUC estimated | 80 % | came | ± |", f"|{' --- |' * 8}"]
    for row in auc.to_dict("records"):
        mark = "" if row["near"] else " **miss**"
        lines.append(
            f"| {row['data']} | {row['month']} | {row['deals']:,} | {row['wins']:,} | {row['said']:.3f} | "
            f"{row['lower']:.3f} to {row['upper']:.3f} | {row['came']:.3f}{mark} | {row['error']:.3f} |"
        )
    return "\n".join(lines)


def _within(error: pd.Series) -> np.ndarray:
    """Return how often a normal error of some standard deviation stays within `NEAR`."""
    normal = NormalDist()
    return np.array([2 * normal.cdf(NEAR / one) - 1 for one in error])


def main(folder: Path) -> None:
    """Estimate the months of all data sets, print the tables, and write them into README.md."""
    settings = get_settings()
    sources: dict[str, Source] = {
        "sample": SyntheticSample(settings.sample_opportunities, settings.sample_seed),
        "growing": CsvFolder(write_growing(folder / "growing-dump"), "growing"),
        f"sample, {LARGE_SAMPLE:,} deals": SyntheticSample(LARGE_SAMPLE, settings.sample_seed),
        f"growing, {LARGE:,} deals": CsvFolder(
            write_growing(folder / "large", Company(deals=LARGE)), "large"
        ),
    }
    if settings.data_dir is not None:
        sources = {"dump": CsvFolder(settings.data_dir, "dump"), **sources}
    found = [
        months_of(name, backtested(source, folder / f"tables-{number}").chosen.walk_forward)
        for number, (name, source) in enumerate(sources.items())
    ]
    text = report(pd.concat(found, ignore_index=True))
    print(text)
    write_section("estimate", text, MODELS)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
