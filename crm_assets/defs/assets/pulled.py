"""The records that a pull brings from a CRM, as assets of dagster-dlt; only there if `CRM_PULL` is set."""

import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from crm_assets.defs.code_versions import code_version
from crm_assets.defs.told import told
from crm_assets.errors import SettingsError
from crm_assets.settings import get_settings
from crm_assets.sources.pull import api
from crm_assets.sources.pull.landing import Landing, flat

RESOURCE = "dlt"


def pulled_assets() -> list[dg.AssetsDefinition]:
    """Return the assets of the CRM that the settings name, one for each kind of record; none without one.

    Raises:
        SettingsError: dlt or dagster-dlt is not installed.
    """
    crm = get_settings().pull
    if crm is None:
        return []
    # dlt reads this when it is imported.
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    try:
        return [_assets(crm)]
    except ImportError:
        raise SettingsError(
            f"CRM_PULL={crm} needs dlt and dagster-dlt, an extra of this project: {api.INSTALL}."
        ) from None


def pulled_keys() -> set[dg.AssetKey]:
    """Return the keys of the assets that a pull brings."""
    crm = get_settings().pull
    return set() if crm is None else {dg.AssetKey([crm, name]) for name in api.names(crm)}


def pull_resources() -> dict[str, Any]:
    """Return the resource that runs dlt; none without a pull."""
    if get_settings().pull is None:
        return {}
    from dagster_dlt import DagsterDltResource

    return {RESOURCE: DagsterDltResource()}


def _assets(crm: str) -> dg.AssetsDefinition:
    from dagster_dlt import DagsterDltResource, DagsterDltTranslator, dlt_assets
    from dagster_dlt.translator import DltResourceTranslatorData
    from dlt.pipeline.exceptions import PipelineStepFailed

    class Translator(DagsterDltTranslator):
        """Names and describes the assets."""

        def get_asset_spec(self, data: DltResourceTranslatorData) -> dg.AssetSpec:
            """Return the asset of one kind of record."""
            name = data.resource.name
            return dg.AssetSpec(
                key=[crm, name],
                description=f"The records `{name}` of {crm}, as its interface gives them, in {name}.csv.",
                group_name="raw",
                kinds={"dlt", crm, "csv"},
                owners=["team:sales-operations"],
                tags={"domain": "crm"},
                code_version=code_version(api.described, flat, Landing),
            )

    with tempfile.TemporaryDirectory() as place:
        pipeline = _pipeline(crm, Landing(Path(place)), Path(place))

        @dlt_assets(
            dlt_source=_source(crm, api.without_credentials(crm)),
            dlt_pipeline=pipeline,
            name=f"pulled_{crm}",
            dagster_dlt_translator=Translator(),
        )
        @told
        def pulled(context: dg.AssetExecutionContext, dlt: DagsterDltResource) -> Iterator[Any]:
            """Ask the CRM for all records, and write one CSV file for each kind once all are complete."""
            config = api.described(crm)
            landing = Landing(get_settings().pulled_dir)
            chosen = [key.path[-1] for key in context.selected_asset_keys]
            with tempfile.TemporaryDirectory() as scratch:
                try:
                    results = list(
                        dlt.run(
                            context,
                            dlt_source=_source(crm, config),
                            dlt_pipeline=_pipeline(crm, landing, Path(scratch)),
                        )
                    )
                except PipelineStepFailed as error:
                    raise api.refusal(crm, error, config["client"]["base_url"]) from None
            landing.write(chosen)
            yield from results

    return pulled


def _source(crm: str, config: dict[str, Any]) -> Any:
    """Return dlt's source of a CRM, whose records are texts: types are decided when files are read."""
    from dlt.sources.rest_api import rest_api_source

    source = rest_api_source(config, name=crm)
    for detection in tuple(source.schema.settings.get("detections") or ()):
        source.schema.remove_type_detection(detection)
    for resource in source.resources.values():
        resource.add_map(flat)
    return source


def _pipeline(crm: str, landing: Landing, place: Path) -> Any:
    """Return a pipeline that brings records to a landing; it keeps no state between runs."""
    import dlt

    lock = threading.Lock()

    @dlt.destination(batch_size=0, loader_file_format="parquet", name="crm_files")
    def land(path: str, table: Any) -> None:
        with lock:
            rows = pq.read_table(path)
            # dlt's own columns hold random ids.
            ours = [name for name in rows.column_names if not name.startswith("_dlt_")]
            landing.add(str(table["name"]), rows.select(ours).to_pandas())

    return dlt.pipeline(f"crm_{crm}", destination=land(), dataset_name=crm, pipelines_dir=str(place))
