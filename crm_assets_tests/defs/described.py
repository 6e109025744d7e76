"""The definitions as text. `python -m crm_assets_tests.defs.described --renew` rewrites the snapshot.

It leaves out what can change while the graph stays the same: code versions, texts, addresses.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import dagster as dg

SNAPSHOT = Path(__file__).with_name("definitions.txt")


def described(definitions: dg.Definitions) -> str:
    """Return the assets, checks, jobs, schedules, sensors and resources of a code location as text."""
    rooms = {
        "Assets": _assets(definitions),
        "Checks": _checks(definitions),
        "Jobs": _jobs(definitions),
        "Schedules": _schedules(definitions),
        "Sensors": _sensors(definitions),
        "Resources": _resources(definitions),
    }
    return "\n".join(f"# {title}\n\n" + "\n".join(lines) + "\n" for title, lines in rooms.items())


def _assets(definitions: dg.Definitions) -> Iterator[str]:
    graph = definitions.resolve_asset_graph()
    for spec in sorted(definitions.resolve_all_asset_specs(), key=lambda spec: spec.key):
        node = graph.get(spec.key)
        yield spec.key.to_user_string()
        yield f"  group: {spec.group_name}"
        yield f"  owners: {_listed(spec.owners)}"
        yield f"  kinds: {_listed(spec.kinds)}"
        yield f"  tags: {_tags(spec.tags)}"
        yield f"  partitions: {_partitions(spec.partitions_def)}"
        yield f"  pools: {_listed(node.pools or ())}"
        yield f"  made by: {'a step' if node.is_executable else 'the checks'}"
        yield f"  made from: {_listed(dep.asset_key.to_user_string() for dep in spec.deps)}"
        yield f"  metadata: {_listed(spec.metadata)}"


def _checks(definitions: dg.Definitions) -> Iterator[str]:
    graph = definitions.resolve_asset_graph()
    for key in sorted(graph.asset_check_keys, key=lambda key: key.to_user_string()):
        spec = graph.get_check_spec(key)
        yield key.to_user_string()
        yield f"  blocking: {'yes' if spec.blocking else 'no'}"
        yield f"  also reads: {_listed(dep.asset_key.to_user_string() for dep in spec.additional_deps)}"


def _jobs(definitions: dg.Definitions) -> Iterator[str]:
    for job in sorted(definitions.resolve_all_job_defs(), key=lambda job: job.name):
        if not job.name.startswith("__"):
            yield job.name
            yield f"  tags: {_tags(job.tags)}"
            yield f"  steps: {_listed(node.name for node in job.graph.nodes)}"


def _schedules(definitions: dg.Definitions) -> Iterator[str]:
    for schedule in sorted(definitions.get_repository_def().schedule_defs, key=lambda one: one.name):
        yield schedule.name
        yield f"  at: {schedule.cron_schedule} {schedule.execution_timezone}"
        yield f"  starts: {schedule.job_name}"
        yield f"  by default: {schedule.default_status.value.lower()}"


def _sensors(definitions: dg.Definitions) -> Iterator[str]:
    for sensor in sorted(definitions.get_repository_def().sensor_defs, key=lambda one: one.name):
        yield sensor.name
        yield f"  every: {sensor.minimum_interval_seconds} s"
        yield f"  starts: {_listed(target.job_name for target in sensor.targets)}"
        yield f"  by default: {sensor.default_status.value.lower()}"


def _resources(definitions: dg.Definitions) -> Iterator[str]:
    for name, resource in sorted((definitions.resources or {}).items()):
        yield f"{name}: {getattr(resource, 'resource_cls', type(resource)).__name__}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _tags(tags: Mapping[str, str]) -> str:
    return _listed(f"{name}={value}" for name, value in tags.items() if not name.startswith("dagster/"))


def _partitions(partitions: dg.PartitionsDefinition | None) -> str:
    if partitions is None:
        return "none"
    if isinstance(partitions, dg.StaticPartitionsDefinition):
        return _listed(partitions.get_partition_keys())
    return f"{type(partitions).__name__}"


if __name__ == "__main__":
    from crm_assets.definitions import defs

    if "--renew" in sys.argv:
        SNAPSHOT.write_text(described(defs), "utf-8")
    else:
        print(described(defs), end="")
