"""The level of every test, which says when it runs and what it may use.

- unit: one rule on one frame, in this process. All unit tests together take under 30 seconds.
- integration: real processes, servers and files on this machine. `make test` runs unit and integration, in
  five minutes on two cores.
- system: the graph as a user runs it, again and again: killed, moved, promoted, changed by a recipe.
  `make test-all` runs it and the levels below, and so does CI.
- stack: the whole deployed stack.
- scale: Spark, and executors of more than one machine.
"""

from __future__ import annotations

UNIT, INTEGRATION, SYSTEM, STACK, SCALE = LEVELS = ("unit", "integration", "system", "stack", "scale")

# The longest prefix of a test's name below crm_assets_tests decides.
LEVEL_OF: dict[str, str] = {
    "": INTEGRATION,
    "console/test_checkout.py::test_a_run": SYSTEM,
    "console/test_failures.py": SYSTEM,
    "console/test_homes.py": SYSTEM,
    "console/test_interrupts.py": SYSTEM,
    "console/test_shortages.py": SYSTEM,
    "crm/": UNIT,
    "crm/test_cleaning.py": INTEGRATION,
    "crm/test_point_in_time.py": INTEGRATION,
    "crm/test_what_a_crm_lacks.py": INTEGRATION,
    "dashboard/": SYSTEM,
    "defs/assets/test_archive.py": SYSTEM,
    "defs/assets/test_raw.py": SYSTEM,
    "defs/automation/test_cli.py": SYSTEM,
    "defs/automation/test_daemon.py": SYSTEM,
    "defs/automation/test_sensors.py::test_nothing_is_refreshed": SYSTEM,
    "defs/checks/test_tripwire.py": SYSTEM,
    "defs/test_events.py::test_the_same_bytes": SYSTEM,
    "engine/": UNIT,
    "engine/test_duckdb.py::test_no_progress_bar": INTEGRATION,
    "insight/": UNIT,
    "insight/test_looking.py": INTEGRATION,
    "modeling/": UNIT,
    "monitoring/test_accuracy.py": UNIT,
    "monitoring/test_estimate.py": UNIT,
    "monitoring/test_triggers.py": UNIT,
    "modeling/test_algorithm_contract.py": INTEGRATION,
    "modeling/test_algorithms.py": INTEGRATION,
    "modeling/test_backtest.py": INTEGRATION,
    "modeling/test_calibration.py": INTEGRATION,
    "modeling/test_champion.py": INTEGRATION,
    "modeling/test_explanation.py": INTEGRATION,
    "modeling/test_forecast.py": INTEGRATION,
    "modeling/test_hazard.py": INTEGRATION,
    "modeling/test_history_audit.py": INTEGRATION,
    "modeling/test_leak_audit.py": INTEGRATION,
    "modeling/test_odd_dumps.py": INTEGRATION,
    "modeling/test_promotion.py": INTEGRATION,
    "modeling/test_scoring.py": INTEGRATION,
    "modeling/test_sizes.py": INTEGRATION,
    "modeling/test_target.py": INTEGRATION,
    "modeling/test_tuning.py": INTEGRATION,
    "recipes/": SYSTEM,
    "registry/test_promotion.py": SYSTEM,
    "registry/test_relocation.py": SYSTEM,
    "serving/test_keys.py": UNIT,
    "sources/test_csv_folder.py": UNIT,
    "sources/test_readiness.py": UNIT,
    "sources/test_sample.py": UNIT,
    "sources/test_select.py": UNIT,
    "test_architecture.py": UNIT,
    "test_architecture.py::test_importing": INTEGRATION,
    "test_documents.py": UNIT,
    "test_files.py": UNIT,
    "test_settings.py": UNIT,
    "test_whole_graph.py": SYSTEM,
    "stack/": STACK,
    "stack/test_docker_files.py": INTEGRATION,
    "stack/test_grafana_files.py": INTEGRATION,
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
