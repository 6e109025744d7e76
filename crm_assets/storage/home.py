"""A home belongs to one source: the store records which, and refuses tables of another."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath

from filelock import FileLock

from crm_assets.crm.months import is_month
from crm_assets.errors import HomeError, StorageError
from crm_assets.settings import OPEN_END, Settings
from crm_assets.sources import calendar
from crm_assets.sources.base import Source
from crm_assets.sources.select import within
from crm_assets.storage.files import Files
from crm_assets.storage.registry_files import move_registry

RECORD = "source.json"
TABLES = ".parquet"
FOREVER = "9999-12"


@dataclass(frozen=True)
class Home:
    """Whose tables a store holds, and whether the source in force may read and write them.

    A record in the store, `source.json`, names the source. A store without a record belongs to the source
    in force if that source has all of the store's months.

    Attributes:
        files: the store's folder or prefix.
        source: the source in force.
        settings: the settings in force.
    """

    files: Files
    source: Source
    settings: Settings
    # Has an entry once the record is known to name this source; a list, since the object is frozen.
    _known: list[str] = field(default_factory=list, repr=False)

    @property
    def holder(self) -> str | None:
        """The identity of the source whose tables these are; None if there is no record."""
        [copy] = self.files.fetch([RECORD])
        if copy is None:
            return None
        try:
            return str(json.loads(copy.read_text("utf-8"))["source"])
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"{self.files.where(RECORD)} does not say which source the tables come from. If they come "
                f'from {self.source.description}, write {{"source": "{self.source.identity}"}} into it.'
            ) from error

    def check(self) -> None:
        """Raise an error if the tables are another source's; write nothing.

        Raises:
            HomeError: says what is there, what was asked, and the ways out.
        """
        if self._known:
            return
        holder = self.holder
        if refusal := self._refusal(holder):
            raise HomeError(refusal)
        if holder is not None:
            self._known.append(holder)

    def claim(self) -> str | None:
        """Record this source as the store's owner, before the first write.

        Returns:
            What happened to what was there before, in a sentence; None if nothing did.

        Raises:
            HomeError: another source's tables are there, and the settings do not put them aside.
            StorageError: the store cannot be read or written.
        """
        if self._known:
            return None
        self.settings.home.mkdir(parents=True, exist_ok=True)
        # Locked: two runs of two sources must not both find the store empty.
        with FileLock(self.settings.home / "source.lock", is_singleton=True):
            told = self._claim(self.holder)
        self._known.append(self.source.identity)
        return told

    def _claim(self, holder: str | None) -> str | None:
        if holder == self.source.identity:
            return None
        told = None
        if refusal := self._refusal(holder):
            if self.settings.on_other_source == "refuse":
                raise HomeError(refusal)
            told = self._put_aside(holder or "unknown")
        elif self._stored_months() is not None:
            mine = self.source.identity
            told = f"The tables in {self.files.where('')} had no record of their source; it is now {mine}."
        draft = self.files.draft()
        draft.write_text(json.dumps({"source": self.source.identity}) + "\n", "utf-8")
        self.files.publish(draft, RECORD)
        return told

    def _refusal(self, holder: str | None) -> str | None:
        """Say why the source in force may not use the store; return None if it may."""
        mine = self.source.identity
        if holder == mine:
            return None
        if holder is not None:
            return self._sentence(f"holds the tables of {holder}", holder)
        stored = self._stored_months()
        if stored is None or not (strange := sorted(month for month in stored if not self._has(month))):
            return None
        which = strange[0] if len(strange) == 1 else f"{strange[0]} to {strange[-1]}"
        return self._sentence(f"holds months that this source does not have, {which}", None)

    def _sentence(self, what: str, holder: str | None) -> str:
        place = "CRM_HOME" if self.settings.store[0] == "local" else "CRM_S3_PREFIX"
        ways = [
            f"give this source a {place} of its own",
            "correct CRM_SOURCE or CRM_DATA_DIR if you meant another source",
            "set CRM_ON_OTHER_SOURCE=put_aside to move what is there to a dated place and start fresh",
        ]
        kind = f"{self.source.name}:"
        if holder and kind == "csv:" and holder.startswith(kind):
            name = holder.removeprefix(kind)
            ways.insert(2, f"set CRM_SOURCE_NAME={name} if it is the same CRM in a folder that moved")
        return (
            f"{self.files.where('')} {what}. The source in force is {self.source.identity}: "
            f"{self.source.description}. Nothing was written. You can: {'; '.join(ways)}."
        )

    def _stored_months(self) -> set[str] | None:
        """Return the stored months; None if no table is stored."""
        tables = [key for key in self.files.keys("") if key.endswith(TABLES)]
        return {stem for key in tables if is_month(stem := PurePosixPath(key).stem)} if tables else None

    def _has(self, month: str) -> bool:
        """Return whether the source has a month, by its data or the settings."""
        found = (
            self.source.known_months
            or calendar.noted(self.settings.home, self.source.identity)
            or self.source.month_range()
        )
        wanted = within(self.settings, found)
        last = FOREVER if self.settings.last_month == OPEN_END else max(found.last, wanted.last)
        return min(found.first, wanted.first) <= month <= last

    def _put_aside(self, holder: str) -> str:
        """Move tables and the embedded registry to a dated place beside them; delete nothing."""
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", holder)
        label = f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}-{name}"
        # The registry first: if this is interrupted, the tables still say whose they are.
        moved = move_registry(self.settings, label)
        aside = self.files.put_aside(label)
        also = f", and its models to {moved}" if moved else ""
        return f"The tables of {holder} were moved to {aside}{also}."
