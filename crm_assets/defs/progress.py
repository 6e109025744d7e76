"""The progress of a run in a terminal: a line for each finished step, and the step that is running."""

from __future__ import annotations

import codecs
import io
import logging
import os
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager

import dagster as dg
from dagster._utils.error import SerializableErrorInfo
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from crm_assets import shortage
from crm_assets.crm.tables import QUALITY_SCORES
from crm_assets.defs.metadata import PLAINLY_READ, Fact

LOGGER = "progress"
WIDTH_OF_FILES = 120
STOPPED_BY_A_GATE = "DagsterAssetCheckFailedError"
INTERRUPTS = ("DagsterExecutionInterruptedError", "KeyboardInterrupt")
# An output that cannot show these signs shows the replacements.
PLAIN = {"✓": "+", "✗": "x", "…": "..."}
UNWRITABLE = "crm_assets.plain"


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Replace signs that the output's encoding does not have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


codecs.register_error(UNWRITABLE, _plain)
for stream in (sys.stdout, sys.stderr):
    # An output that cannot show a check mark must not end a run.
    if isinstance(stream, io.TextIOWrapper) and (stream.encoding or "").lower() not in ("utf-8", "utf8"):
        stream.reconfigure(errors=UNWRITABLE)


def _open_console() -> Console:
    """Return the console of this process.

    In a terminal it has a file of its own: while a step runs, Dagster leads the process's output through a
    pipe, and a console that writes into a pipe cannot erase its spinner.
    """
    if not sys.stdout.isatty():
        return Console(highlight=False, width=WIDTH_OF_FILES)
    encoding, errors = sys.stdout.encoding, sys.stdout.errors
    terminal = open(os.dup(sys.stdout.fileno()), "w", encoding=encoding, errors=errors)  # noqa: PTH123, SIM115
    return Console(highlight=False, file=terminal)


console = _open_console()
# Dagster makes several loggers per run. They share one spinner, since two on one screen garble each other.
status = Status("", console=console, spinner="line" if console.options.ascii_only else "dots")


@contextmanager
def spinning() -> Generator[None]:
    """Remove the spinner and show the cursor again when a run ends, in whatever way."""
    try:
        yield
    finally:
        status.stop()


def doing(step: str, what: str) -> None:
    """Show what a step is doing beside the spinner, if there is one."""
    status.update(f"[bold]{step}[/bold] {escape(what)}")


class ProgressHandler(logging.Handler):
    """A log handler that turns Dagster's events into lines that a person reads.

    Attributes:
        shows_checks: whether broken rules are shown when they are found.
    """

    shows_checks = True

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console
        self.rows: dict[str, dict[str, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Show one event, if it is one that a person waits for."""
        event = getattr(record, "dagster_meta", {}).get("dagster_event")
        if event is None:
            return
        if event.event_type is dg.DagsterEventType.STEP_START:
            doing(str(event.step_key), "…")
            status.start()
            # Draw it now: the first drawing by Rich's own thread could mix with a line printed meanwhile.
            self.console.print(end="")
        elif event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
            self._count(event)
        elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            self._check(event)
        elif event.event_type is dg.DagsterEventType.STEP_SUCCESS:
            self._success(event)
        elif event.event_type is dg.DagsterEventType.STEP_FAILURE and not _is_interrupt(event):
            self.console.print(f"[red]✗[/red] {event.step_key}")

    def _count(self, event: dg.DagsterEvent) -> None:
        made = event.step_materialization_data.materialization
        rows = made.metadata.get(Fact.ROW_COUNT)
        if how_read := made.metadata.get(Fact.HOW_READ):
            self._tell(str(how_read.value))
        tables = self.rows.setdefault(str(event.step_key), {})
        name = made.asset_key.to_user_string()
        if name == QUALITY_SCORES.name:
            # Each check updates this asset for its own table; `data_quality` shows the result.
            return
        tables[name] = tables.get(name, 0) + (int(str(rows.value)) if rows else 0)

    def _tell(self, how_read: str) -> None:
        """Show what the reader decided by itself, and which values it left out."""
        for line in how_read.splitlines():
            if line != PLAINLY_READ:
                self.console.print(f"[yellow]![/yellow] {escape(line)}")

    def _check(self, event: dg.DagsterEvent) -> None:
        evaluation = event.asset_check_evaluation_data
        if not evaluation.passed and self.shows_checks:
            failed = evaluation.severity is dg.AssetCheckSeverity.ERROR
            mark = "[red]✗[/red]" if failed else "[yellow]![/yellow]"
            what = evaluation.description or evaluation.check_name
            self.console.print(f"{mark} {evaluation.asset_key.to_user_string()}: {escape(what)}")

    def _success(self, event: dg.DagsterEvent) -> None:
        tables = self.rows.get(str(event.step_key), {})
        seconds = f"{(event.step_success_data.duration_ms or 0) / 1000:>7.1f} s"
        for number, (name, rows) in enumerate(tables.items(), start=1):
            # A step that makes several tables shows its time once.
            time = seconds if number == len(tables) else ""
            self.console.print(f"[green]✓[/green] {name:<24}{rows:>9,} rows {time}".rstrip())


def quiet_checks() -> None:
    """Show no broken rules while a run is on, since the command shows all of them at the end."""
    ProgressHandler.shows_checks = False


@dg.logger({}, "Prints a line for each finished step.")
def progress_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """Return the logger that `make run` uses instead of Dagster's event log."""
    logger = logging.Logger(LOGGER)
    logger.addHandler(ProgressHandler(console))
    return logger


def failures(events: Iterable[dg.DagsterEvent]) -> list[str]:
    """Return why a run failed, one text per failed step: our own sentence if there is one.

    A run whose resources cannot be opened, for example the registry, fails without a failed step.
    """
    ended = list(events)
    steps = [reason(event) for event in ended if event.is_step_failure]
    whole = [event for event in ended if event.event_type is dg.DagsterEventType.RUN_FAILURE]
    return steps or [reason(event) for event in whole]


def interrupted(events: Iterable[dg.DagsterEvent]) -> bool:
    """Tell whether a run ended because somebody pressed Ctrl-C."""
    return any(_is_interrupt(event) for event in events)


def _is_interrupt(event: dg.DagsterEvent) -> bool:
    error = _error(event)
    return error is not None and error.cls_name in INTERRUPTS


def tell_failure(reason: str) -> None:
    """Print why something failed."""
    console.print(f"[red]✗[/red] {escape(reason)}", soft_wrap=True)


def reason(event: dg.DagsterEvent) -> str:
    """Return why a step or a run failed: our own sentence if there is one, else the error as it is."""
    causes = []
    error = _error(event)
    while error is not None:
        causes.append(error)
        error = error.cause or error.context
    where = event.step_key or event.job_name
    for cause in causes:
        if text := shortage.sentence(str(cause.cls_name), _message(cause.message)):
            return f"{where}: {text}"
    known = _own_errors()
    for cause in reversed(causes):
        if cause.cls_name == STOPPED_BY_A_GATE:
            return (
                f"{where} stopped the run: the rules listed above must hold, and they are broken. "
                "Assets downstream keep their former tables. `make dev` shows the rows in the asset's checks."
            )
        if cause.cls_name in known:
            return _message(cause.message)
    return f"{where}: {causes[-1].to_string() if causes else event.message}"


def _error(event: dg.DagsterEvent) -> SerializableErrorInfo | None:
    """Return the error of a failed step or run."""
    if event.event_type is dg.DagsterEventType.STEP_FAILURE:
        return event.step_failure_data.error
    if event.event_type is dg.DagsterEventType.RUN_FAILURE:
        return event.job_failure_data.error
    return None


def _message(text: str) -> str:
    """Return the text of an error without the name of its class."""
    return text.split(": ", 1)[-1].strip()


def _own_errors() -> set[str]:
    from crm_assets import errors

    return {kind.__name__ for kind in errors.CrmAssetsError.__subclasses__()}
