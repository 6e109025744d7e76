"""`python -m benchmarks.tables_deals FOLDER SIZE`: make the cleaned deals of a synthetic sample."""

from __future__ import annotations

import sys
from pathlib import Path

from crm_assets.crm import cleaning
from crm_assets.crm.schema import RAW_TABLES
from crm_assets.crm.tables import OPPORTUNITIES
from crm_assets.sources.sample import SyntheticSample
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore


def main(folder: Path, size: int) -> None:
    """Make the deals."""
    sample, store = SyntheticSample(size, 7), TableStore(Folder(folder), scratch_root=folder / "scratch")
    for raw in RAW_TABLES:
        store.write(raw.name, sample.read(raw), raw.arrow)
    tables = {raw.name: store.read(raw.name) for raw in RAW_TABLES}
    deals = cleaning.opportunities(tables, sample.month_range().first)
    store.write(OPPORTUNITIES.name, deals, OPPORTUNITIES.arrow)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
