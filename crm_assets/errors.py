"""The errors that users see: each is a sentence that says what was wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager


class CrmAssetsError(Exception):
    """Base of all errors that a user can fix."""


class BadInputError(CrmAssetsError):
    """Raw CRM data that is not usable as it is."""


class SourceUnavailableError(CrmAssetsError):
    """A source of raw data that cannot be reached or opened."""


class SettingsError(CrmAssetsError):
    """A setting that is missing, malformed or contradicts another one."""


class StorageError(CrmAssetsError):
    """A table that cannot be read from or written to the store."""


class HomeError(CrmAssetsError):
    """A home that holds the tables or models of another source."""


class NotEnoughDataError(CrmAssetsError):
    """Too few months, deals or outcomes for what was asked."""


class SearchError(CrmAssetsError):
    """A search for better parameters that a worker cannot join."""


class StackError(CrmAssetsError):
    """A deployed stack that cannot be started or reached."""


class RegistryError(CrmAssetsError):
    """A version of the registered model that is missing, not ours, or not fit for what was asked."""


class ReplayError(CrmAssetsError):
    """A replay that cannot continue."""


class EngineError(CrmAssetsError):
    """The table engine cannot be opened."""


@contextmanager
def extra(name: str, what: str) -> Generator[None]:
    """Say which extra is missing if an import fails.

    Args:
        name: the extra.
        what: what needs it, as the start of a sentence, for example `The dashboard needs`.

    Raises:
        SettingsError: a package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{what} the package {error.name}: install the extra `{name}` (make install)."
        ) from error
