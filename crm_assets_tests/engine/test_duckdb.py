"""The settings of the newly opened table engine."""

from __future__ import annotations

import subprocess
import sys


def test_no_progress_bar_is_drawn_into_the_log_of_a_process_without_a_main_file() -> None:
    asked = "SELECT current_setting('enable_progress_bar')"
    code = f'from crm_assets.engine.duckdb import connect; print(connect().raw_sql("{asked}").fetchone()[0])'
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
