"""What the API answers from: one state, replaced as a whole when the champion or a table changes."""

from __future__ import annotations

import gc
import logging
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from crm_assets.crm.months import month_end
from crm_assets.errors import CrmAssetsError, NotEnoughDataError, SettingsError
from crm_assets.insight.reading import Reader
from crm_assets.modeling import pooled
from crm_assets.modeling.scoring import Champion
from crm_assets.modeling.verdicts import NO_VERSION, SEASONAL_RATE
from crm_assets.serving.fresh import Fresh, fresh
from crm_assets.serving.keys import Keys, read_keys
from crm_assets.serving.stored import Stored, read_stored, seen_of
from crm_assets.settings import Settings
from crm_assets.storage.tables import TableStore

log = logging.getLogger("crm_assets.serving")


@dataclass(frozen=True)
class State:
    """One consistent set of answers: a request takes it once, and so never mixes two versions.

    Attributes:
        stored: the stored answers; None while no run has finished.
        champion: the champion; None if a rate scores.
        rate: the rate that takes the champion's place, or None.
        facts: what `/v1/model` says of the version.
        leaderboard: the table `champion`.
        audit: the table `leak_audit`.
    """

    stored: Stored | None = None
    champion: Champion | None = None
    rate: str | None = None
    facts: dict[str, str] = field(default_factory=dict)
    leaderboard: pd.DataFrame = field(default_factory=pd.DataFrame)
    audit: pd.DataFrame = field(default_factory=pd.DataFrame)
    _months: dict[str, Fresh] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def version(self) -> str:
        """The version of the model that makes fresh predictions."""
        return NO_VERSION if self.champion is None else self.champion.version

    @property
    def tag(self) -> str:
        """What changes when any answer could: the model version, and the tables."""
        model = self.facts.get("key", self.version)
        return f"{model}/{self.rate}/{self.stored.version if self.stored else '-'}"

    def prepared(self, month: str) -> Fresh | None:
        """Return what fresh predictions of a month need, if it is ready."""
        return self._months.get(month)

    def fresh(self, store: TableStore, month: str, seed: int) -> Fresh:
        """Return what fresh predictions of a month need; prepare it, once, if it is not ready.

        Raises:
            NotEnoughDataError, StorageError: as `serving.fresh.fresh` does.
        """
        with self._lock:
            if month not in self._months:
                self._months[month] = fresh(store, month, self.champion, self.rate, seed)
            return self._months[month]


@dataclass(frozen=True)
class Health:
    """What the last look at registry and tables found; None means that all is well."""

    registry: str | None = None
    tables: str | None = None
    checked_at: datetime | None = None


class Follower:
    """Follows the champion, the tables and the keys in threads of their own; keeps the last good state."""

    def __init__(self, settings: Settings, store: TableStore) -> None:
        self.settings, self.store = settings, store
        self.state, self.health = State(), Health()
        self.keys: Keys | None = None
        self.keys_problem: str | None = None
        # The store's engine serves one thread at a time.
        self.reading = threading.Lock()
        self.switches = 0
        self._keys_seen: Any = None
        self._stop = threading.Event()

    @property
    def ready(self) -> bool:
        """Whether it can answer: stored answers are there, and so is what scores."""
        return self.state.stored is not None and (
            self.state.champion is not None or self.state.rate is not None
        )

    def start(self) -> None:
        """Load what is there, then follow changes until `stop`.

        Raises:
            SettingsError: the file of keys is not valid.
        """
        self._read_keys(first=True)
        for follow in (self._follow, self._follow_keys):
            threading.Thread(target=follow, name=follow.__name__, daemon=True).start()

    def stop(self) -> None:
        """End the threads; an unfinished look at the registry is given up with the process."""
        self._stop.set()

    def look(self) -> None:
        """Look once at registry and tables, and replace the state if something changed."""
        was = self.state
        with self.reading:
            state, tables = self._tables(was)
        state, registry = self._champion(state)
        if state is not was:
            try:
                with self.reading:
                    self._prepare(state)
                self.state = state
                self.switches += state.version != was.version
                log.info("switched", extra={"fields": {"model": state.version, "tables": state.tag}})
            except CrmAssetsError as error:
                tables = str(error)
        self.health = Health(registry, tables, datetime.now(UTC))

    def fresh(self, state: State, month: str) -> Fresh:
        """Return what fresh predictions of a month need, prepared if necessary; takes up to seconds."""
        with self.reading:
            return state.fresh(self.store, month, self.settings.seed)

    def _follow(self) -> None:
        frozen = False
        while not self._stop.is_set():
            try:
                self.look()
            except Exception as error:  # the next look may succeed
                log.exception("look failed")
                self.health = replace(self.health, registry=f"{type(error).__name__}: see the log.")
            if self.ready and not frozen:
                # What is there now stays, so nobody has to look through it again.
                gc.freeze()
                frozen = True
            self._stop.wait(self.settings.poll_seconds if self.ready else 1)

    def _follow_keys(self) -> None:
        """Follow the keys by themselves: a registry that takes long must not keep a revoked key alive."""
        while not self._stop.wait(self.settings.poll_seconds):
            try:
                self.keys_problem = self._read_keys()
            except Exception as error:  # the next look may succeed
                log.exception("keys failed")
                self.keys_problem = f"{type(error).__name__}: see the log."

    def _prepare(self, state: State) -> None:
        """Make fresh predictions of the newest month ready before anybody asks."""
        if state.stored is not None and (state.champion is not None or state.rate is not None):
            ready = state.fresh(self.store, state.stored.month, self.settings.seed)
            # The first prediction imports what the model needs.
            deal = {"opportunity_id": "", "engage_date": month_end(state.stored.month)}
            table, _ = ready.features([deal])
            ready.predict([deal], table, self.settings.band_limits, why=True)

    def _tables(self, state: State) -> tuple[State, str | None]:
        reader = Reader(self.store)
        try:
            if state.stored is not None and seen_of(reader) == state.stored.seen:
                return state, None
            stored = read_stored(reader, self.settings.band_limits)
            board, audit = reader.leaderboard(), reader.leak_audit()
            found = replace(
                state, stored=stored, leaderboard=board, audit=audit, _months={}, _lock=threading.Lock()
            )
            return replace(found, rate=_rate(board, state.champion)), None
        except CrmAssetsError as error:
            return state, str(error)

    def _champion(self, state: State) -> tuple[State, str | None]:
        from crm_assets.registry import serving as registry

        try:
            version = registry.champion(self.settings)
            if version is None and state.champion is not None:
                # Somebody may be moving the alias right now, or the registry was moved away.
                return state, f"No version has the alias champion now; version {state.version} goes on."
            if version is None:
                rate = _rate(state.leaderboard, None)
                return (state if state.rate == rate else replace(state, rate=rate)), None
            if state.champion is not None and version.key == state.facts.get("key"):
                return state, None
            return _with(state, *registry.load(self.settings, version)), None
        except CrmAssetsError as error:
            return state, str(error)

    def _read_keys(self, first: bool = False) -> str | None:
        path = self.settings.api_key_file
        if path is None:
            return None
        try:
            # A file that was put in its place may have the same time.
            found = path.stat() if path.exists() else None
            seen = found and (found.st_mtime_ns, found.st_size, found.st_ino)
            if first or seen != self._keys_seen:
                self.keys, self._keys_seen = read_keys(path), seen
            return None
        except SettingsError as error:
            if first:
                raise
            return str(error)


def _with(state: State, champion: Champion | None, facts: dict[str, str]) -> State:
    return replace(
        state,
        champion=champion,
        facts=facts,
        rate=_rate(state.leaderboard, champion),
        _months={},
        _lock=threading.Lock(),
    )


def _rate(board: pd.DataFrame, champion: Champion | None) -> str | None:
    """Return the rate that takes the champion's place, as the assets decide it; None if there is none."""
    if board.empty or "in_force" not in board:
        return None
    rate = pooled.rate_in_force(board)
    # Somebody may have promoted the model since.
    return None if rate == SEASONAL_RATE and champion is not None else rate


def month_of(day: str, months: list[str]) -> str:
    """Return the month that ends on a day.

    Raises:
        NotEnoughDataError: the day is not the end of a stored month.
    """
    for month in months:
        if f"{month_end(month)}" == day:
            return month
    known = f"{month_end(months[0])} to {month_end(months[-1])}" if months else "none yet"
    raise NotEnoughDataError(f"as_of must be the last day of a month with a stored snapshot: {known}.")
