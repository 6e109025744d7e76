"""The database of searches: open it, and say in a sentence what is wrong with it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Generator
from contextlib import contextmanager

from optuna.exceptions import ExperimentalWarning
from optuna.storages import RDBStorage
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

from crm_assets.errors import SourceUnavailableError
from crm_assets.settings import without_password

# A trial whose worker has missed this many heartbeats is run again.
HEARTBEATS_MISSED = 4
# How often, and how many seconds apart, a worker tries to open a database in which others make the tables.
_ATTEMPTS, _PAUSE_S = 3, 1.0


def opened(storage: str, heartbeat: int) -> RDBStorage:
    """Open a database, and make Optuna's tables if it has none.

    Args:
        storage: its address.
        heartbeat: seconds between two signs of life of a worker.

    Raises:
        SourceUnavailableError: it does not work.
    """
    with told(storage, ImportError, OSError, RuntimeError):
        for _ in range(_ATTEMPTS - 1):
            try:
                return _opened(storage, heartbeat)
            except (IntegrityError, OperationalError, ProgrammingError) as error:
                # Two workers that start at once on an empty database make its tables at once.
                if "exist" not in str(error) and "unique" not in str(error).lower():
                    raise
                time.sleep(_PAUSE_S)
        return _opened(storage, heartbeat)


@contextmanager
def told(storage: str, *others: type[Exception]) -> Generator[None]:
    """Raise errors of a database, and errors of other types, as a sentence.

    Raises:
        SourceUnavailableError: with the address, the cause and what to do.
    """
    try:
        yield
    except Exception as error:
        found = [one for one in chain(error) if isinstance(one, (SQLAlchemyError, *others))]
        if not found:
            raise
        first_line = next(iter(str(found[-1]).splitlines()), type(found[-1]).__name__).rstrip(".")
        raise SourceUnavailableError(
            f"The database of searches at {without_password(storage)} does not work: {first_line}. "
            "Check CRM_TUNE_STORAGE; without it, searches are in tuning.db in CRM_HOME: if that file is "
            "damaged, delete it, and searches start anew."
        ) from error


def chain(error: BaseException | None) -> list[BaseException]:
    """Return an error and those before it: where a database fails, Optuna fails in other ways as well."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def quiet() -> warnings.catch_warnings:
    """Allow heartbeats, which Optuna marks as experimental, for a block of code."""
    return warnings.catch_warnings(action="ignore", category=ExperimentalWarning)


def _opened(storage: str, heartbeat: int) -> RDBStorage:
    if storage.startswith("sqlite"):
        # Workers on one machine wait for each other's writes.
        options: dict[str, object] = {"connect_args": {"timeout": 60}}
    else:
        # Keep one connection, and open others only while they are needed: many workers share one server.
        options = {"pool_pre_ping": True, "pool_size": 1, "max_overflow": 4}
    with quiet():
        return RDBStorage(
            storage,
            engine_kwargs=options,
            heartbeat_interval=heartbeat,
            grace_period=HEARTBEATS_MISSED * heartbeat,
        )
