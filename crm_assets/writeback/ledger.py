"""What was written back, deal by deal: so that only changes go out, and an interrupted run goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from crm_assets.errors import StorageError
from crm_assets.writeback.scores import Score

ADDRESS = "address"


class Ledger:
    """A file of lines, each a deal and the digest of what the CRM has; the last line of a deal counts.

    A line with an address begins another CRM, for example after a trial with a sandbox: it has nothing yet.
    """

    def __init__(self, path: Path, address: str | None = None) -> None:
        """Read the file.

        Args:
            path: the file.
            address: where the CRM is; None if nothing will be sent.

        Raises:
            StorageError: it cannot be read.
        """
        self.path, self._at = path, ""
        self._known: dict[str, str] = {}
        try:
            lines = path.read_text("utf-8").splitlines() if path.exists() else []
        except (OSError, UnicodeDecodeError) as error:
            raise StorageError(
                f"{path} cannot be read ({error}); remove it to write all deals again."
            ) from error
        for line in lines:
            try:
                told = json.loads(line)
                if isinstance(told, dict):
                    self._begin(str(told[ADDRESS]))
                    continue
                deal, digest = told
            except (ValueError, TypeError, KeyError):
                # The machine stopped in the middle of a line: that deal is written again.
                continue
            self._known[str(deal)] = str(digest)
        self._recorded = self._at
        if address is not None:
            self._begin(address)

    def _begin(self, address: str) -> None:
        # Older files name no address.
        if self._at not in ("", address):
            self._known = {}
        self._at = address

    def changed(self, scores: Iterable[Score]) -> list[Score]:
        """Return the scores that the CRM does not have like this."""
        return [score for score in scores if self._known.get(score.id) != score.digest]

    def note(self, scores: Iterable[Score]) -> None:
        """Record that the CRM has these scores now; they stay recorded whatever happens next.

        Raises:
            StorageError: the file cannot be written.
        """
        rows = {score.id: score.digest for score in scores}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                # A line that was cut off must not swallow the next one.
                file.write("\n" * (file.tell() > 0 and not self._ends_with_newline()))
                if self._recorded != self._at:
                    file.write(json.dumps({ADDRESS: self._at}) + "\n")
                file.writelines(json.dumps(row) + "\n" for row in rows.items())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(
                f"Cannot write {self.path}: {error.strerror}; make room and run again."
            ) from error
        self._known |= rows
        self._recorded = self._at

    def _ends_with_newline(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
