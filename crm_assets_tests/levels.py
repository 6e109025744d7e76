"""The level of every test, which says when it runs and what it may use.

- unit: one rule on one frame, in this process. All unit tests together take under 30 seconds.
- integration: real processes, servers and files on this machine. `make test` runs unit and integration.
- stack: the whole deployed stack. `make test-all` runs it, and so does CI.
- scale: Spark, and executors of more than one machine.
"""

from __future__ import annotations

UNIT, INTEGRATION, STACK, SCALE = LEVELS = ("unit", "integration", "stack", "scale")

# The longest prefix of a test's name below crm_assets_tests decides.
LEVEL_OF: dict[str, str] = {
    "": INTEGRATION,
    "crm/": UNIT,
    "crm/test_point_in_time.py": INTEGRATION,
    "engine/": UNIT,
    "engine/test_duckdb.py::test_no_progress_bar": INTEGRATION,
    "insight/": UNIT,
    "insight/test_looking.py": INTEGRATION,
    "modeling/": UNIT,
    "modeling/test_algorithm_contract.py": INTEGRATION,
    "modeling/test_algorithms.py": INTEGRATION,
    "modeling/test_backtest.py": INTEGRATION,
    "modeling/test_calibration.py": INTEGRATION,
    "modeling/test_champion.py": INTEGRATION,
    "modeling/test_odd_dumps.py": INTEGRATION,
    "modeling/test_sizes.py": INTEGRATION,
    "modeling/test_target.py": INTEGRATION,
    "serving/test_keys.py": UNIT,
    "sources/test_csv_folder.py": UNIT,
    "sources/test_readiness.py": UNIT,
    "sources/test_sample.py": UNIT,
    "sources/test_select.py": UNIT,
    "test_architecture.py": UNIT,
    "test_architecture.py::test_importing": INTEGRATION,
    "test_documents.py": UNIT,
    "test_settings.py": UNIT,
    "stack/": STACK,
    "stack/test_docker_files.py": INTEGRATION,
    "scale/": SCALE,
}


def level_of(name: str) -> str:
    """Return the level of a test, or of an example in the code.

    Args:
        name: the test below `crm_assets_tests`, for example `crm/test_features.py::test_x`; or the module of
            an example in the code, for example `crm_assets/crm/months.py`.

    >>> level_of("crm/test_features.py::test_x"), level_of("stack/test_faults.py::test_y")
    ('unit', 'stack')
    """
    if name.startswith(("crm_assets/", "dev/")):
        return UNIT
    return LEVEL_OF[max((prefix for prefix in LEVEL_OF if name.startswith(prefix)), key=len)]
