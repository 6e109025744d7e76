"""The archive of dumps: every dump that was taken in, immutable, in the table store's folder or bucket.

`archive/tables/<table>/<digest>.parquet` holds a table once, however many dumps have it. An entry,
`archive/dumps/<day>-<number>-<digest>.json`, lists the tables of a dump. It is written last, so that
a dump is archived whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crm_assets.crm.archive import Dump, Kept, numbered
from crm_assets.crm.schema import RAW_TABLES, RawTable
from crm_assets.crm.tables import QUARANTINED_ROWS
from crm_assets.errors import StorageError
from crm_assets.storage.tables import TableStore

FOLDER = "archive"
ENTRIES, TABLES = f"{FOLDER}/dumps", f"{FOLDER}/tables"
WHOLE = (*RAW_TABLES, QUARANTINED_ROWS)
# Enough to tell two dumps of a day apart that two processes archive at once.
DIGITS = 12


@dataclass(frozen=True)
class Archive:
    """The archived dumps of a table store.

    Attributes:
        store: the store; its owner owns the archive too.
    """

    store: TableStore

    def dumps(self) -> list[Dump]:
        """Return all archived dumps, in order of their days.

        Raises:
            HomeError: the store holds another source's tables.
            StorageError: an entry is not readable.
        """
        self.store.check()
        keys = [key for key in self.store.files.keys(ENTRIES) if key.endswith(".json")]
        copies = zip(keys, self.store.files.fetch(keys), strict=True)
        found = [self._read(key, copy) for key, copy in copies if copy is not None]
        return numbered(sorted(found, key=lambda dump: (dump.known_on, dump.number)))

    def add(self, tables: Mapping[str, pa.Table], known_on: date) -> Dump:
        """Archive a dump; return the one that is there already if nothing has changed since.

        Args:
            tables: the raw tables and the quarantined rows, by name.
            known_on: last day that the dump shows.

        Raises:
            HomeError: the store holds another source's tables.
            StorageError: the store cannot be written.
        """
        kept = {table.name: self._keep(table.name, tables[table.name], table.arrow) for table in WHOLE}
        same_day = [dump for dump in self.dumps() if dump.known_on == known_on]
        if same_day and same_day[-1].tables == kept:
            return same_day[-1]
        dump = Dump(known_on, same_day[-1].number + 1 if same_day else 1, kept)
        entry = {
            "known_on": f"{known_on}",
            "number": dump.number,
            "tables": {name: vars(one) for name, one in kept.items()},
        }
        text = json.dumps(entry, indent=1) + "\n"
        draft = self.store.files.draft()
        draft.write_text(text, "utf-8")
        mark = hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
        self.store.files.publish(draft, f"{ENTRIES}/{known_on}-{dump.number}-{mark}.json")
        return dump

    def table(self, dump: Dump, table: RawTable) -> ir.Table:
        """Return a raw table of a dump, with the types that it has today.

        It lacks the optional columns that the dump did not have. A table that the dump did not have is empty.
        """
        if table.name not in dump.tables:
            return ibis.memtable(table.absent)
        stored = self.store.engine.read_parquet([str(self.file(dump, table.name))])
        types: Any = ibis.Schema.from_pyarrow(table.having(stored.columns).arrow)
        columns = {
            name: stored[name].cast(kind) if name in stored.columns else ibis.null(kind)
            for name, kind in types.items()
        }
        return stored.select(**columns)

    def tables(self, dump: Dump) -> dict[str, ir.Table]:
        """Return all raw tables of a dump by name."""
        return {table.name: self.table(dump, table) for table in RAW_TABLES}

    def file(self, dump: Dump, table: str) -> Path:
        """Return a table of a dump as a local parquet file.

        Raises:
            StorageError: the archive has lost it, or it is not what was archived.
        """
        kept = dump.tables[table]
        key = _key(table, kept.digest)
        [copy] = self.store.files.fetch([key])
        if copy is not None and kept.digest not in self._sound and digest(copy) == kept.digest:
            self._sound.add(kept.digest)
        if copy is None or kept.digest not in self._sound:
            what = "missing" if copy is None else "damaged"
            raise StorageError(
                f"{self.store.files.where(key)} is {what}, a table of the dump of {dump.name}: archive the "
                f"same export again, restore the file from a backup, or name the dump in CRM_WITHDRAWN_DUMPS "
                f"({dump.name})."
            )
        return copy

    def holds(self, dump: Dump) -> bool:
        """Return whether the raw tables that the store has now are those of a dump."""
        names = [table.name for table in RAW_TABLES if table.name in dump.tables]
        return self._at_hand == {name: dump.tables[name].digest for name in names}

    @cached_property
    def _sound(self) -> set[str]:
        """The digests of the files that were read and found to be what was archived."""
        return set()

    @cached_property
    def _at_hand(self) -> dict[str, str]:
        """The digests of the raw tables that the store has now."""
        names = [table.name for table in RAW_TABLES]
        files = self.store.files.fetch([f"{name}.parquet" for name in names])
        return {name: digest(file) for name, file in zip(names, files, strict=True) if file}

    def _keep(self, name: str, table: pa.Table, schema: pa.Schema) -> Kept:
        """Store a table under the digest of its file, unless it is there; a damaged file is replaced."""
        draft, rows = self.store.draft(name, table, schema)
        kept = Kept(digest(draft), rows, draft.stat().st_size)
        key = _key(name, kept.digest)
        [copy] = self.store.files.fetch([key])
        if copy is not None and digest(copy) == kept.digest:
            draft.unlink()
        else:
            self.store.files.publish(draft, key)
        return kept

    def _read(self, key: str, file: Path) -> Dump:
        try:
            entry = json.loads(file.read_text("utf-8"))
            tables = {name: Kept(**kept) for name, kept in entry["tables"].items()}
            return Dump(date.fromisoformat(entry["known_on"]), int(entry["number"]), tables)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StorageError(
                f"{self.store.files.where(key)} is not an entry of the archive ({error}): restore the file "
                "from a backup, or move it away to do without that dump."
            ) from error


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _key(table: str, name: str) -> str:
    return f"{TABLES}/{table}/{name}.parquet"
