"""The process manager of a native stack: start supervisor, tell it what to run, and query it."""

from __future__ import annotations

import configparser
import contextlib
import os
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psutil

from crm_assets.errors import StackError
from dev.stack.launch import MARK, inherited
from dev.stack.place import Place

_GRACE_S = 20
_ALIVE = ("RUNNING", "STARTING", "BACKOFF")
_STOPPED = ("STOPPED", "EXITED", "FATAL")


@dataclass(frozen=True)
class Program:
    """What supervisor runs for one service."""

    name: str
    command: tuple[str, ...]
    user: str | None = None
    # Seconds between the stop signal and SIGKILL.
    grace: int = _GRACE_S


def start(place: Place, programs: list[Program]) -> None:
    """Start supervisor; it starts no service by itself."""
    place.supervisor_socket.unlink(missing_ok=True)
    with place.supervisor_config.open("w", encoding="utf-8") as file:
        _config(place, programs).write(file)
    done = subprocess.run(
        [sys.executable, "-m", "supervisor.supervisord", "--configuration", str(place.supervisor_config)],
        env=inherited(os.environ) | {MARK: str(place.folder), "TMPDIR": str(place.scratch)},
        cwd=place.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StackError(f"The process manager does not start: {(done.stderr or done.stdout).strip()}")
    _wait(lambda: is_running(place), f"The process manager does not answer; see {place.logs}.")


def is_running(place: Place) -> bool:
    """Return whether supervisor answers."""
    try:
        return ask(place, "getState")["statename"] == "RUNNING"
    except (OSError, xmlrpc.client.Error):
        return False


def ask(place: Place, method: str, *arguments: object) -> Any:
    """Call one method of supervisor's remote interface."""
    from supervisor.xmlrpc import SupervisorTransport

    transport = SupervisorTransport(None, None, f"unix://{place.supervisor_socket}")
    try:
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)
    finally:
        if transport.connection:
            # The transport's own `close` shuts the connection down but leaves the socket open.
            transport.connection.close()


def states(place: Place) -> dict[str, dict[str, Any]]:
    """Return what supervisor knows about each service, by name; empty if supervisor does not run."""
    return {info["name"]: info for info in ask(place, "getAllProcessInfo")} if is_running(place) else {}


def start_program(place: Place, name: str) -> None:
    """Start one service if it does not run."""
    if states(place)[name]["statename"] not in _ALIVE:
        ask(place, "startProcess", name, False)


def stop_program(place: Place, name: str, *, hard: bool = False) -> None:
    """Stop one service, which then stays stopped; `hard` gives it no chance to clean up."""
    info = states(place)[name]
    if info["statename"] not in _ALIVE:
        return
    family = tree(info["pid"]) if hard else []
    for process in family:
        send(process, signal.SIGSTOP)
    ask(place, "stopProcess", name, False)
    for process in family:
        send(process, signal.SIGKILL)
    _wait_until_stopped(place, (name,))


def stop(place: Place) -> None:
    """Stop everything that belongs to the stack, including orphaned processes."""
    if is_running(place):
        # Services that need others go first; stopped all at once, they would log errors about each other.
        for names in (("daemon", "webserver"), ("code", "mlflow"), ("postgres", "s3")):
            alive = [
                name for name, info in states(place).items() if name in names and info["statename"] in _ALIVE
            ]
            for name in alive:
                ask(place, "stopProcess", name, False)
            _wait_until_stopped(place, alive)
        ask(place, "shutdown")
        deadline = time.monotonic() + 3 * _GRACE_S
        while members(place) and time.monotonic() < deadline and place.supervisor_pid.exists():
            time.sleep(0.1)
    left = members(place)
    for kind in (signal.SIGTERM, signal.SIGKILL):
        for process in left:
            send(process, kind)
        _, left = psutil.wait_procs(left, timeout=5)
    place.supervisor_socket.unlink(missing_ok=True)
    place.supervisor_pid.unlink(missing_ok=True)


def members(place: Place) -> list[psutil.Process]:
    """Return the processes that belong to the stack, including orphaned ones."""
    return [process for process in psutil.process_iter() if _mark(process) == str(place.folder)]


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and everything that it started; empty if it is gone."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _mark(process: psutil.Process) -> str | None:
    try:
        running = process.status() != psutil.STATUS_ZOMBIE
        return process.environ().get(MARK) if running and process.pid != os.getpid() else None
    except (psutil.Error, OSError):
        return None


def send(process: psutil.Process, kind: signal.Signals) -> None:
    """Send a signal to a process, which may be gone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(kind)


def _wait_until_stopped(place: Place, names: Iterable[str]) -> None:
    for name in names:
        _wait(lambda: states(place)[name]["statename"] in _STOPPED, f"The service {name} does not stop.")  # noqa: B023


def _wait(true: Any, otherwise: str, timeout: float = 30) -> None:
    deadline = time.monotonic() + timeout
    while not true():
        if time.monotonic() > deadline:
            raise StackError(otherwise)
        time.sleep(0.05)


def _config(place: Place, programs: list[Program]) -> configparser.RawConfigParser:
    config = configparser.RawConfigParser()
    root = {"user": "root"} if os.getuid() == 0 else {}
    config["supervisord"] = {
        "logfile": _plain(place.logs / "supervisor.log"),
        "pidfile": _plain(place.supervisor_pid),
        "directory": _plain(place.folder),
        **root,
    }
    config["unix_http_server"] = {"file": _plain(place.supervisor_socket), "chmod": "0700"}
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    for priority, program in enumerate(programs):
        config[f"program:{program.name}"] = {
            "command": _plain(" ".join(f'"{part}"' for part in program.command)),
            # Stopped in reverse order.
            "priority": str(priority + 1),
            "autostart": "false",
            "autorestart": "true",
            # Like Compose: always restart, however often.
            "startsecs": "10",
            "startretries": "1000000",
            "stopwaitsecs": str(program.grace),
            "stopsignal": "INT" if program.user or program.name == "postgres" else "TERM",
            "stopasgroup": "false",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": _plain(place.logs / f"{program.name}.log"),
            "stdout_logfile_maxbytes": "10MB",
            "stdout_logfile_backups": "1",
            **({"user": program.user} if program.user else {}),
        }
    return config


def _plain(value: object) -> str:
    """Escape a value for supervisor's configuration."""
    return str(value).replace("%", "%%")
