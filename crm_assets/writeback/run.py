"""Write back: what changed, to a file, and through the interface only if that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from crm_assets.errors import StorageError
from crm_assets.insight.reading import Reader
from crm_assets.settings import Settings
from crm_assets.writeback.apis import Interface, Refusal
from crm_assets.writeback.ledger import Ledger
from crm_assets.writeback.scores import scores
from crm_assets.writeback.targets import target, write_file

FOLDER = "write-back"


@dataclass(frozen=True)
class Written:
    """What was written back.

    Attributes:
        crm: the name of the target.
        month: the newest scored month.
        deals: how many deals were scored.
        changed: how many of them the CRM does not have like this.
        sent: how many went out through the interface.
        refused: the deals that the CRM did not take.
        file: the import file with the changed deals.
    """

    crm: str
    month: str
    deals: int
    changed: int
    sent: int
    file: Path
    refused: list[Refusal] = field(default_factory=list)


def write_back(
    settings: Settings,
    reader: Reader,
    crm: str,
    send: bool = False,
    tell: Callable[[int, int], None] = lambda _done, _all: None,
) -> Written:
    """Write the scores that changed to an import file; send them too if asked.

    Without `send` nothing leaves this machine, and nothing counts as written. A run that was interrupted goes
    on where it stopped.

    Args:
        settings: the settings in force.
        reader: the stored tables.
        crm: one of `targets.CRMS`.
        send: whether to send through the interface.
        tell: is told how many of all changed deals are done.

    Raises:
        SettingsError: there is no such CRM, or its address or token is missing.
        SourceUnavailableError: the CRM does not answer, or refuses.
        StorageError: a table is missing, a file cannot be written, or another run writes back now.
    """
    goal, folder = target(crm), settings.home / FOLDER
    interface = Interface(goal) if send else None
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / f"{crm}.lock", timeout=0):
            known = scores(reader, settings.band_limits)
            ledger = Ledger(folder / f"{crm}.jsonl", interface.address if interface else None)
            changed = ledger.changed(known)
            file = folder / f"{crm}.csv"
            write_file(goal, changed, file)
            refused, sent = [], 0
            for start in range(0, len(changed), interface.at_once) if interface else ():
                batch = changed[start : start + interface.at_once] if interface else []
                found = interface.write(batch) if interface else []
                refused += found
                left = {one.id for one in found}
                taken = [score for score in batch if score.id not in left]
                ledger.note(taken)
                sent += len(taken)
                tell(start + len(batch), len(changed))
            return Written(crm, reader.newest_month(), len(known), len(changed), sent, file, refused)
    except Timeout:
        raise StorageError(f"Another run writes back to {crm} now; wait for it.") from None
