"""What a page works with: the reader in the person's scope, the month, the formats, and a shared cache."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import RLock
from typing import Any, TypeVar

import streamlit as st

from crm_assets import shortage
from crm_assets.delivery.formats import Formats
from crm_assets.errors import CrmAssetsError, NotEnoughDataError
from crm_assets.insight.people import Person
from crm_assets.insight.reading import Reader
from crm_assets.settings import Settings, get_settings
from crm_assets.storage.choice import open_store

T = TypeVar("T")

# One DuckDB serves all sessions, and answers one question at a time.
_LOCK = RLock()
# Results that are kept for all sessions, so that memory does not grow with months and people.
KEPT = 64
SECONDS_BETWEEN_LOOKS = 5
# What pages show and a run or a person may replace: tables by month, and tables of one file.
WATCHED = ("win_predictions", "revenue_forecast", "monthly_snapshots")
WATCHED_WHOLE = ("opportunities", "raw_quotas", "training_set", "leak_audit", "champion", "data_quality")


@dataclass(frozen=True)
class Desk:
    """What a page works with.

    Attributes:
        reader: the stored tables, in the person's scope.
        person: who is looking.
        settings: the settings in force.
        formats: how the person's locale writes numbers, money and dates.
        months: the scored months.
        month: the month to show.
        source: describes the data.
        synthetic: whether the data is made up.
    """

    reader: Reader
    person: Person
    settings: Settings
    formats: Formats
    months: tuple[str, ...]
    month: str
    source: str
    synthetic: bool

    def read(self, what: Callable[..., T], *arguments: Any) -> T:
        """Return `what(reader, *arguments)`, kept for all sessions of the same scope until a table changes.

        Nobody may change the result.
        """
        return read(self.reader, what, *arguments)


def read(reader: Reader, what: Callable[..., T], *arguments: Any) -> T:
    """Return `what(reader, *arguments)` as `Desk.read` does."""
    name = f"{what.__module__}.{getattr(what, '__qualname__', what)}"
    return _kept(name, fingerprint(), str(reader.scope), arguments, what, reader)


@st.cache_resource(show_spinner=False)
def open_reader() -> Reader:
    """Return the reader of all tables; pages narrow it to a scope."""
    return Reader(open_store(get_settings()))


@st.cache_data(ttl=SECONDS_BETWEEN_LOOKS, show_spinner=False)
def fingerprint() -> tuple[Any, ...]:
    """Return what changes when a table is replaced; the files are looked at every few seconds."""
    reader = open_reader()
    with _LOCK:
        by_month = [reader.version_of(name, month) for name in WATCHED for month in reader.store.months(name)]
        whole = [reader.version_of(name) for name in WATCHED_WHOLE if reader.store.has(name)]
        return (*by_month, *whole)


@st.cache_resource(max_entries=KEPT, show_spinner="Reading tables …")
def _kept(
    name: str,
    tables: tuple[Any, ...],
    scope: str,
    arguments: tuple[Any, ...],
    _what: Callable[..., Any],
    _reader: Reader,
) -> Any:
    with _LOCK:
        return _what(_reader, *arguments)


@contextmanager
def locked() -> Generator[None]:
    """Read or write tables past the cache, when no other session does."""
    with _LOCK:
        yield


@contextmanager
def told() -> Generator[None]:
    """Show what is wrong in a sentence, with a next step, and stop the page there."""
    try:
        yield
    except NotEnoughDataError as error:
        st.info(str(error), icon=":material/info:")
    except CrmAssetsError as error:
        st.error(str(error), icon=":material/error:")
        if st.button("Try again", key="try_again"):
            st.rerun()
    except (OSError, MemoryError) as error:
        if (sentence := shortage.told(error)) is None:
            raise
        st.error(sentence, icon=":material/error:")
