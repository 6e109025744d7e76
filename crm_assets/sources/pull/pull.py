"""Pull the records of a CRM through its interface, with dlt, and write them as CSV files.

`apis/` has a file for each CRM: dlt's own description of a REST source, and the variable that holds the
token.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import yaml

from crm_assets.errors import SettingsError, SourceUnavailableError, StorageError

_FOLDER = files("crm_assets.sources.pull") / "apis"
CRMS = tuple(sorted(one.name.removesuffix(".yaml") for one in _FOLDER.iterdir()))


def pull(crm: str, folder: Path, tell: Callable[[str, int], None], base_url: str | None = None) -> list[Path]:
    """Pull all records of a CRM, and write one CSV file for each kind of record.

    The files replace those of the last pull once all of them are complete.

    Args:
        crm: one of `CRMS`.
        folder: where the files go; it is created when needed.
        tell: is told the name of each kind of record and how many there are.
        base_url: another address of the interface.

    Returns:
        The files.

    Raises:
        SettingsError: there is no such CRM, no token, or dlt is not installed.
        SourceUnavailableError: the interface cannot be reached or refuses.
        StorageError: the files cannot be written.
    """
    described, token = _described(crm)
    if base_url is not None:
        described["client"]["base_url"] = base_url
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".pull-") as draft:
            for name, records in _records(crm, described, token):
                frame = flat(records)
                if len(frame):
                    frame.to_csv(Path(draft) / f"{name}.csv", index=False)
                tell(name, len(frame))
            return [path.replace(folder / path.name) for path in sorted(Path(draft).iterdir())]
    except OSError as error:
        raise StorageError(
            f"Cannot write the pulled files to {folder}: {error.strerror}; set CRM_DATA_DIR to a folder that "
            "you can write to."
        ) from error


def _described(crm: str) -> tuple[dict[str, Any], str]:
    """Return dlt's description of a CRM, and the token."""
    if crm not in CRMS:
        raise SettingsError(
            f"There is no pull from {crm!r}; name {' or '.join(CRMS)}, for example `make pull CRM={CRMS[0]}`."
            " Export the files of another CRM, and run `make mapping`."
        )
    described = yaml.safe_load((_FOLDER / f"{crm}.yaml").read_text("utf-8"))
    variable = described.pop("token")
    token = os.environ.get(variable, "").strip()
    if not token:
        raise SettingsError(f"A pull from {crm} needs {variable}: put your API token into this variable.")
    return described, token


def _records(crm: str, described: dict[str, Any], token: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield each kind of record with all of its records."""
    # dlt reads this when it is imported.
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    try:
        from dlt.extract.exceptions import ResourceExtractionError
        from dlt.sources.rest_api import rest_api_resources
    except ImportError:
        raise SettingsError(
            "A pull needs dlt, an extra of this project: install it with "
            "`.venv/bin/uv pip install 'dlt>=1.20,<2'`."
        ) from None
    config = deepcopy(described)
    auth = config["client"]["auth"]
    auth["token" if auth["type"] == "bearer" else "api_key"] = token
    for resource in rest_api_resources(config):
        try:
            yield resource.name, list(resource)
        except ResourceExtractionError as error:
            raise _refusal(crm, resource.name, config["client"]["base_url"], error) from error


def _refusal(crm: str, name: str, address: str, error: BaseException) -> SourceUnavailableError:
    """Return what to tell of a request that failed; never the request itself, which holds the token."""
    response = None
    cause: BaseException | None = error
    while cause is not None and response is None:
        response, cause = getattr(cause, "response", None), cause.__cause__
    status = getattr(response, "status_code", None)
    if status in (401, 403):
        return SourceUnavailableError(
            f"{crm} refuses to give {name} ({status}): check the token, and that it may read {name}."
        )
    if status is not None:
        return SourceUnavailableError(f"{crm} answered {status} when asked for {name}; try again later.")
    return SourceUnavailableError(f"{address} cannot be reached for {name}; check the network and try again.")


def flat(records: list[dict[str, Any]]) -> pd.DataFrame:
    """Return records as a table: a column for each value, named by its path, lists of links as their ids.

    >>> flat([{"id": "1", "owner": {"name": "Ann"}, "companies": [{"id": "7"}, {"id": "8"}], "rest": [1]}])
      id companies owner.name
    0  1       7;8        Ann
    """
    table = pd.json_normalize([{name: _linked(value) for name, value in one.items()} for one in records])
    listed = [name for name in table.columns if table[name].map(lambda one: isinstance(one, list)).any()]
    return table.drop(columns=listed)


def _linked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _linked(one) for name, one in value.items()}
    if isinstance(value, list) and value and all(isinstance(one, dict) and "id" in one for one in value):
        return ";".join(dict.fromkeys(str(one["id"]) for one in value))
    return value
