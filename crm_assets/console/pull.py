"""`python -m crm_assets.console.pull CRM`: pull the records of a CRM into CSV files."""

from __future__ import annotations

import sys

from crm_assets.console.terminal import run_command
from crm_assets.defs.progress import console
from crm_assets.settings import get_settings
from crm_assets.sources.pull.pull import pull


def main() -> int:
    """Pull, and say what to run next."""
    crm, settings = (sys.argv[1] if len(sys.argv) > 1 else ""), get_settings()
    folder = settings.data_dir or settings.home / "pulled" / (crm or "crm")

    def tell(name: str, rows: int) -> None:
        console.print(f"[green]✓[/green] {name:<22} {rows:>9,} rows", highlight=False)

    pull(crm, folder, tell)
    console.print(
        f"Now run: CRM_DATA_DIR={folder} CRM_MAPPING={crm} make run", soft_wrap=True, highlight=False
    )
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
