"""The stack as native processes: start, stop, query and disturb its services."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from dotenv import dotenv_values
from filelock import FileLock

from crm_assets.errors import StackError
from dev import redis_server
from dev.stack import launch, postgres, s3, supervise
from dev.stack.compose import HealthCheck, Service, read_services
from dev.stack.place import FOLDER, HOST, Place, existing, is_free, write_private
from dev.waiting import crowding

SERVICES = ("postgres", "s3", "mlflow", "code", "webserver", "daemon")
# Those of the profiles `api`, `dashboard` and `monitoring`: they start only if they are asked for.
ON_DEMAND = ("redis", "api", "dashboard", "metrics")
ALL = (*SERVICES, *ON_DEMAND)
# The compose file's services that the native S3 server replaces.
_S3 = {"minio": "s3", "buckets": "s3"}
# A service that ends more often than this during its start will not become healthy.
_ATTEMPTS = 2


@dataclass(frozen=True)
class Stack:
    """A stack of native processes in one folder."""

    place: Place
    # Seconds from the start of a service until it was healthy, for those that `start` started.
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        services: Iterable[str] = SERVICES,
        settings: Mapping[str, str] | None = None,
        told: Callable[[str, float], None] = lambda name, seconds: None,
    ) -> Stack:
        """Start services and what they need, and wait until they are healthy.

        `settings` are variables of the graph (`CRM_SOURCE` and so on), by default those of `.env` and of
        the caller's environment. They apply until the stack is stopped. `told` is called for each service
        that became healthy, with its name and the seconds it took.

        Raises:
            StackError: something is not installed, a port is taken, or a service does not become healthy.
        """
        stack = cls(Place(folder.expanduser().resolve()))
        stack.place.prepare()
        # Only one process starts the stack at a time; a second one finds it running.
        with stack._lock():
            stack._start(services, settings, told)
        return stack

    def _start(
        self,
        services: Iterable[str],
        settings: Mapping[str, str] | None,
        told: Callable[[str, float], None],
    ) -> None:
        wanted = self._with_needs(services)
        s3.write_identities(self.place)
        if "postgres" in wanted:
            postgres.initialize(self.place)
        fresh = not supervise.is_running(self.place)
        if fresh:
            # Stop what a killed process manager left behind.
            supervise.stop(self.place)
            self._check_ports()
            given = self._callers_settings() if settings is None else dict(settings)
            write_private(self.place.settings_file, given)
            supervise.start(self.place, self._programs())
        try:
            self._start_all(wanted, told)
        except BaseException:
            if fresh:
                supervise.stop(self.place)
            raise

    @classmethod
    def at(cls, folder: Path) -> Stack:
        """Return the stack of a folder, running or not.

        Raises:
            StackError: no stack was started there.
        """
        return cls(existing(folder))

    def stop(self) -> None:
        """Stop everything; data, ports and secrets stay."""
        with self._lock():
            supervise.stop(self.place)

    def _lock(self) -> FileLock:
        return FileLock(self.place.folder / "lock")

    @property
    def outdated(self) -> bool:
        """Whether the caller's settings differ from those that the stack was started with."""
        return self.place.settings != self._callers_settings()

    @property
    def abandoned(self) -> bool:
        """Whether processes of the stack run without their process manager."""
        return not supervise.is_running(self.place) and bool(supervise.members(self.place))

    def environment(self) -> dict[str, str]:
        """Return the variables that a client needs, for example `dagster job launch`."""
        return launch.environment(self.place, "code")

    @property
    def workspace(self) -> Path:
        """The workspace.yaml of the stack."""
        return self.place.dagster_home / "workspace.yaml"

    def address(self, service: str) -> str:
        """Return where a service listens; "" for the daemon, which does not listen."""
        port = self.place.ports.get(f"{service.upper()}_PORT")
        scheme = "http://" if service in ("s3", "mlflow", "webserver", "api", "dashboard", "metrics") else ""
        return f"{scheme}{HOST}:{port}" if port else ""

    def log(self, service: str) -> Path:
        """Return the file with the output of a service."""
        return self.place.logs / f"{service}.log"

    def state(self, service: str) -> str:
        """Return the state of a service according to the process manager, in lower case."""
        return str(supervise.states(self.place).get(service, {}).get("statename", "stopped")).lower()

    def pid(self, service: str) -> int:
        """Return the id of a service's main process; 0 if it does not run."""
        return int(supervise.states(self.place).get(service, {}).get("pid", 0))

    def memory(self, service: str) -> int:
        """Return the memory of a service and its children, in bytes; on Linux, split shared pages (PSS)."""
        total = 0
        for process in supervise.tree(self.pid(service)) if self.pid(service) else []:
            try:
                full = process.memory_full_info()
                total += getattr(full, "pss", full.rss)
            except psutil.NoSuchProcess:
                continue
        return total

    def start_service(self, service: str) -> None:
        """Start one service and wait until it is healthy."""
        self._start_all((service,), lambda name, seconds: None)

    def stop_service(self, service: str, *, hard: bool = False) -> None:
        """Stop one service, which stays stopped; `hard` gives it no chance to clean up, like a power cut."""
        supervise.stop_program(self.place, service, hard=hard)

    def kill(self, service: str, kind: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a service; if it ends, the process manager starts it again.

        SIGKILL also kills its children, as the end of a container does.
        """
        family = supervise.tree(self.pid(service))
        for process in family if kind == signal.SIGKILL else family[:1]:
            supervise.send(process, kind)

    def healthy(self, service: str) -> bool:
        """Return whether a service runs and its health check passes."""
        if not self.pid(service):
            return False
        if service == "s3":
            return s3.ready(self.place)
        if service == "redis":
            return redis_server.answers(self.place.ports["REDIS_PORT"])
        health = self._services[service].health
        return health is not None and self._check(service, health)

    @property
    def _services(self) -> dict[str, Service]:
        return read_services(self.place.variables)

    def _check(self, service: str, health: HealthCheck) -> bool:
        command = list(health.command)
        extra = launch.environment(self.place, service) if service != "postgres" else {}
        if service == "postgres":
            command = [
                str(postgres.programs() / command[0]),
                *command[1:],
                f"--port={self.place.ports['POSTGRES_PORT']}",
            ]
        try:
            done = subprocess.run(
                command,
                env=launch.inherited(os.environ) | extra,
                cwd=self.place.dagster_home,
                capture_output=True,
                timeout=health.timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def _callers_settings(self) -> dict[str, str]:
        settings: dict[str, str] = {}
        for file in self._services["code"].env_files:
            settings |= {name: value for name, value in dotenv_values(file).items() if value}
        own = {k: v for k, v in os.environ.items() if k.startswith(("CRM_", "KAGGLE_"))}
        return {k: v for k, v in (settings | own).items() if k != FOLDER}

    def _needs(self, service: str) -> set[str]:
        if service == "s3":
            return set()
        return {_S3.get(name, name) for name in self._services[service].needs}

    def _with_needs(self, services: Iterable[str]) -> tuple[str, ...]:
        services = tuple(services)
        unknown = sorted(set(services) - set(ALL))
        if unknown:
            raise StackError(f"No such service: {', '.join(unknown)}; there are {', '.join(ALL)}.")
        self.place.prepare()
        wanted = set(services)
        while more := {need for name in wanted for need in self._needs(name)} - wanted:
            wanted |= more
        return tuple(name for name in ALL if name in wanted)

    def _programs(self) -> list[supervise.Program]:
        programs = [supervise.Program("s3", s3.command(self.place))]
        if postgres.find_programs():
            command = postgres.command(self.place, self._services["postgres"])
            programs.append(supervise.Program("postgres", command, user=postgres.owner()))
        if redis_server.find_program():
            command = tuple(redis_server.command(self.place.ports["REDIS_PORT"], self.place.scratch))
            programs.append(supervise.Program("redis", command))
        for name in (*SERVICES[2:], "api", "dashboard", "metrics"):
            command = (sys.executable, "-m", "dev.stack.launch", str(self.place.folder), name)
            programs.append(supervise.Program(name, command))
        return programs

    def _check_ports(self) -> None:
        for name, port in self.place.ports.items():
            if not is_free(port):
                raise StackError(
                    f"Another process uses port {port} ({name}); end it, or remove "
                    f"{self.place.state_file} to choose other ports."
                )

    def _start_all(self, wanted: tuple[str, ...], told: Callable[[str, float], None]) -> None:
        waiting = list(wanted)
        ready = {name for name in ALL if name not in wanted}
        started: dict[str, float] = {}
        checked: dict[str, float] = {}
        pids: dict[str, set[int]] = {name: set() for name in wanted}
        while waiting:
            now = time.monotonic()
            for name in [name for name in waiting if name not in started and self._needs(name) <= ready]:
                supervise.start_program(self.place, name)
                started[name] = now
            for name in [name for name in waiting if name in started]:
                if time.monotonic() - checked.get(name, 0) < 0.5:
                    continue
                pids[name].add(self.pid(name))
                if self.healthy(name):
                    if name == "postgres":
                        postgres.make_databases(self.place)
                    self.seconds[name] = time.monotonic() - started[name]
                    told(name, self.seconds[name])
                    waiting.remove(name)
                    ready.add(name)
                elif len(pids[name] - {0}) > _ATTEMPTS or time.monotonic() - started[name] > self._patience(
                    name
                ):
                    raise StackError(self._failure(name))
                checked[name] = time.monotonic()
            time.sleep(0.1)

    def _patience(self, service: str) -> float:
        health = self._services[service].health if service != "s3" else None
        return (health.patience if health else 60.0) * crowding()

    def _failure(self, service: str) -> str:
        log = self.log(service)
        last = log.read_text("utf-8", "replace").splitlines()[-15:] if log.is_file() else []
        return "\n".join([f"The service {service} does not become healthy. The end of {log}:", *last])
