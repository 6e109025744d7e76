"""The rows that go back to the CRM: one per open deal of the newest scored month."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from crm_assets.crm.months import month_end
from crm_assets.insight import bands
from crm_assets.insight.reading import Reader
from crm_assets.insight.words import RECORD_OF, reasons

# Reasons that a person reads in a CRM's field.
MOST_REASONS = 3


@dataclass(frozen=True)
class Score:
    """What the CRM gets to know of a deal.

    Attributes:
        id: the deal's id in the CRM.
        score: the probability that decides the band, in percent, 0 to 100.
        probability: of being won next month, in percent with two decimals.
        expected_revenue: of next month, with two decimals.
        band: A to D.
        trend: `up`, `down`, `steady` or `new`.
        reasons: in words.
        as_of: the day, YYYY-MM-DD.
        model_version: the registered version.
    """

    id: str
    score: int
    probability: float
    expected_revenue: float
    band: str
    trend: str
    reasons: str
    as_of: str
    model_version: str

    @property
    def digest(self) -> str:
        """What changes when anything that the CRM shows changes; not the day, nor the version, alone."""
        shown = {
            name: value for name, value in asdict(self).items() if name not in ("as_of", "model_version")
        }
        return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:16]


def scores(reader: Reader, limits: Sequence[float]) -> list[Score]:
    """Return the scores of the newest scored month, sorted by id.

    Args:
        reader: the stored tables.
        limits: `CRM_BAND_LIMITS`.

    Raises:
        StorageError: a table is missing or damaged.
        NotEnoughDataError: no month has predictions.
    """
    month = reader.newest_month()
    before = reader.month_before(month)
    deals = reader.predictions(month)
    features = reader.features(month).set_index("opportunity_id")
    facts = features[[name for name in RECORD_OF.values() if name in features]].to_dict("index")
    trend = bands.trends(deals, reader.predictions(before) if before else deals.iloc[:0])
    banded, deciding = bands.bands(deals, limits), bands.banded_by(deals)
    found = [
        Score(
            id=str(row["opportunity_id"]),
            score=round(100 * float(deciding.iloc[place])),
            probability=round(100 * float(row["probability"]), 2),
            expected_revenue=round(float(row["expected_revenue"]), 2),
            band=str(banded.iloc[place]),
            trend=str(trend.iloc[place]),
            reasons="; ".join(map(str, reasons(row, MOST_REASONS, facts.get(row["opportunity_id"])))),
            as_of=f"{month_end(month)}",
            model_version=str(row["model_version"]),
        )
        for place, row in enumerate(deals.to_dict("records"))
    ]
    return sorted(found, key=lambda score: score.id)
