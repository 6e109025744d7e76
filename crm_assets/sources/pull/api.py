"""The interfaces of CRMs: dlt's own description of a REST source for each, and its credentials.

`apis/` has a file for each CRM. Credentials come from the environment and are stored nowhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import yaml

from crm_assets.errors import SettingsError, SourceUnavailableError

_FOLDER = files("crm_assets.sources.pull") / "apis"
CRMS = tuple(sorted(one.name.removesuffix(".yaml") for one in _FOLDER.iterdir()))
INSTALL = "run `make install`, or install the extra `pull` where the project is installed otherwise"
_LOCAL = ("127.0.0.1", "localhost")


def described(crm: str, base_url: str | None = None) -> dict[str, Any]:
    """Return dlt's description of a CRM's interface, with its credentials.

    Args:
        crm: one of `CRMS`.
        base_url: another address of the interface.

    Raises:
        SettingsError: there is no such CRM, or a credential is missing.
    """
    if crm not in CRMS:
        raise SettingsError(
            f"There is no pull from {crm!r}; name {' or '.join(CRMS)}, for example `make pull CRM={CRMS[0]}`."
            " Export the files of another CRM, and run `make mapping`."
        )
    found = _read(crm)
    variables, address = found.pop("secrets"), found.pop("address", None)
    needed = [*variables.values(), *([address] if address and base_url is None else [])]
    if missing := [name for name in needed if not _given(name)]:
        raise SettingsError(
            f"A pull from {crm} needs {', '.join(missing)}: put your credentials into "
            f"{'this variable' if len(missing) == 1 else 'these variables'}."
        )
    base = base_url or (_given(address) if address else found["client"]["base_url"])
    if urlsplit(base).scheme != "https" and urlsplit(base).hostname not in _LOCAL:
        raise SettingsError(f"{address}={base} is no address that begins with https://; correct it.")
    return _filled(found, base, {key: _given(name) for key, name in variables.items()})


def names(crm: str) -> list[str]:
    """Return the kinds of records that a pull brings, without any credential."""
    return [one["name"] for one in _read(crm)["resources"]]


def without_credentials(crm: str) -> dict[str, Any]:
    """Return the description of an interface that nobody can ask, for definitions."""
    found = _read(crm)
    variables = found.pop("secrets")
    found.pop("address", None)
    return _filled(found, found["client"]["base_url"], dict.fromkeys(variables, "none"))


def refusal(crm: str, error: BaseException, address: str) -> SourceUnavailableError:
    """Return what to tell of a request that failed; never the request itself, which holds the credentials."""
    response, name = None, ""
    cause: BaseException | None = error
    while cause is not None:
        response = getattr(cause, "response", None) if response is None else response
        name = getattr(cause, "pipe_name", None) or name
        cause = cause.__cause__ or cause.__context__
    status = getattr(response, "status_code", None)
    what = name or "its records"
    if status is None:
        return SourceUnavailableError(
            f"{address} cannot be reached for {what}; check the network and try again."
        )
    if "oauth2/token" in str(getattr(response, "url", "")):
        variables = ", ".join(_read(crm)["secrets"].values())
        return SourceUnavailableError(
            f"{crm} refuses the credentials ({status}): check {variables}, and that the app may use the "
            "client credentials flow."
        )
    if status in (401, 403):
        return SourceUnavailableError(
            f"{crm} refuses to give {what} ({status}): check the token, and that it may read {what}."
        )
    return SourceUnavailableError(f"{crm} answered {status} when asked for {what}; try again later.")


def _filled(found: dict[str, Any], base: str, credentials: Mapping[str, str]) -> dict[str, Any]:
    client = found["client"]
    client["base_url"] = base
    client["auth"] |= credentials
    if path := client["auth"].get("access_token_url"):
        client["auth"]["access_token_url"] = f"{base.rstrip('/')}/{path}"
    return found


def _read(crm: str) -> dict[str, Any]:
    return yaml.safe_load((_FOLDER / f"{crm}.yaml").read_text("utf-8"))


def _given(variable: str) -> str:
    return os.environ.get(variable, "").strip()
