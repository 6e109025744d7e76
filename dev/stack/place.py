"""The folder of a native stack: its files, and its ports and secrets, which are chosen once and kept."""

from __future__ import annotations

import json
import os
import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from crm_assets.errors import StackError
from crm_assets.insight.scope import EVERYTHING
from crm_assets.serving.keys import add_row, new_key
from dev.stack.compose import ROOT
from dev.stack.secret_values import new_secrets

HOST = "127.0.0.1"
# Below the ports that the system gives to clients, which may take one while a service is down.
_PORTS = range(20_000, 32_000)
_PORT_NAMES = (
    "POSTGRES_PORT",
    "MLFLOW_PORT",
    "CODE_PORT",
    "WEBSERVER_PORT",
    "S3_PORT",
    "S3_GRPC_PORT",
    "S3_MASTER_PORT",
    "S3_MASTER_GRPC_PORT",
    "S3_VOLUME_PORT",
    "S3_VOLUME_GRPC_PORT",
    "S3_FILER_PORT",
    "S3_FILER_GRPC_PORT",
    "REDIS_PORT",
    "API_PORT",
    "DASHBOARD_PORT",
    "METRICS_PORT",
)
# Where the secrets hold a key of the REST API.
API_KEY = "API_KEY"
BUCKETS = {
    "CRM_S3_BUCKET": "crm-assets",
    "CRM_S3_LOGS_BUCKET": "crm-logs",
    "MLFLOW_S3_BUCKET": "mlflow-artifacts",
}


@dataclass(frozen=True)
class Place:
    """The folder of one stack; `prepare` creates what is in it."""

    folder: Path

    @property
    def state_file(self) -> Path:
        """Addresses and ports, as JSON."""
        return self.folder / "state.json"

    @property
    def secrets_file(self) -> Path:
        """Passwords and keys, as JSON; only this user may read them."""
        return self.folder / "secrets.json"

    @property
    def settings_file(self) -> Path:
        """The graph's settings that the code location was started with; only this user may read them."""
        return self.folder / "settings.json"

    @property
    def logs(self) -> Path:
        """One log per service."""
        return self.folder / "logs"

    @property
    def dagster_home(self) -> Path:
        """The deployed dagster.yaml and workspace.yaml."""
        return self.folder / "dagster"

    @property
    def crm_home(self) -> Path:
        """What the code location keeps on this machine: downloads."""
        return self.folder / "home"

    @property
    def scratch(self) -> Path:
        """Temporary files of the services."""
        return self.folder / "tmp"

    @property
    def postgres(self) -> Path:
        """Data of the database server, owned by the server's user."""
        return self.folder / "postgres"

    @property
    def s3(self) -> Path:
        """Data of the S3 server."""
        return self.folder / "s3"

    @property
    def s3_config(self) -> Path:
        """Identities of the S3 server; only this user may read them."""
        return self.folder / "s3.json"

    @property
    def api_keys(self) -> Path:
        """The hashed keys of the REST API."""
        return self.folder / "api-keys.yaml"

    @property
    def supervisor_config(self) -> Path:
        """Configuration of the process manager."""
        return self.folder / "supervisor.ini"

    @property
    def supervisor_socket(self) -> Path:
        """Where the process manager listens."""
        return self.folder / "supervisor.sock"

    @property
    def supervisor_pid(self) -> Path:
        """The process manager's process id."""
        return self.folder / "supervisor.pid"

    @property
    def exists(self) -> bool:
        """Whether a stack has been started here before."""
        return self.state_file.is_file() and self.secrets_file.is_file()

    @cached_property
    def ports(self) -> dict[str, int]:
        """The ports by the name of their variable."""
        return json.loads(self.state_file.read_text("utf-8"))["ports"]

    @cached_property
    def secrets(self) -> dict[str, str]:
        """The secrets by the name of their variable."""
        return json.loads(self.secrets_file.read_text("utf-8"))

    @property
    def settings(self) -> dict[str, str]:
        """The graph's settings that the code location was started with."""
        file = self.settings_file
        return json.loads(file.read_text("utf-8")) if file.is_file() else {}

    @property
    def s3_endpoint(self) -> str:
        """The address of the S3 server."""
        return f"http://{HOST}:{self.ports['S3_PORT']}"

    @property
    def variables(self) -> dict[str, str]:
        """The variables of the compose file, with this stack's values."""
        names = ("CRM_LISTEN", "POSTGRES_HOST", "MLFLOW_HOST", "CODE_HOST", "REDIS_HOST")
        hosts = dict.fromkeys(names, HOST)
        ports = {name: str(port) for name, port in self.ports.items()}
        data = {"CRM_DATA_DIR": self.settings.get("CRM_DATA_DIR", "")}
        own = {"CRM_S3_ENDPOINT": self.s3_endpoint, "API_KEYS_FILE": str(self.api_keys)}
        # This machine only, so nobody has to log in unless settings say so.
        login = self.settings.get("CRM_DASHBOARD_LOGIN") or "none"
        people = self.settings.get("CRM_DASHBOARD_USERS") or str(self.folder / "dashboard_users.yaml")
        own |= {"DASHBOARD_LOGIN": login, "DASHBOARD_USERS_FILE": people}
        return hosts | ports | self.secrets | BUCKETS | data | own

    def prepare(self) -> None:
        """Create the folder, and choose ports and secrets if there are none."""
        try:
            for folder in (self.folder, self.logs, self.dagster_home, self.crm_home, self.scratch, self.s3):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StackError(
                f"The folder {self.folder} cannot be created ({error.strerror}); set CRM_STACK_DIR to "
                "another folder."
            ) from error
        self.s3.chmod(0o700)
        # The database server's user may enter the folder, but not list it.
        self.folder.chmod(0o711)
        for file in ("dagster.yaml", "workspace.yaml"):
            (self.dagster_home / file).write_text((ROOT / "docker" / file).read_text("utf-8"), "utf-8")
        kept = json.loads(self.secrets_file.read_text("utf-8")) if self.secrets_file.is_file() else {}
        # A stack of an older version lacks the secrets of newer services.
        if (needed := new_secrets() | kept) != kept:
            write_private(self.secrets_file, needed)
        known = json.loads(self.state_file.read_text("utf-8"))["ports"] if self.state_file.is_file() else {}
        # A stack of an older version lacks the ports of newer services.
        if missing := [name for name in _PORT_NAMES if name not in known]:
            free = (port for port in free_ports(str(self.folder)) if port not in known.values())
            ports = known | dict(zip(missing, free, strict=False))
            content = {"folder": str(self.folder), "secrets": str(self.secrets_file), "ports": ports}
            self.state_file.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
        if not self.api_keys.is_file():
            key, row = new_key("make stack", ["read", "score"], EVERYTHING, None)
            add_row(self.api_keys, row)
            write_private(self.secrets_file, self.secrets | {API_KEY: key})


# The variable that names the folder of the stack.
FOLDER = "CRM_STACK_DIR"


def free_ports(seed: str) -> Iterator[int]:
    """Yield ports that nothing listens on, in an order that depends on the seed."""
    ports = list(_PORTS)
    random.Random(seed).shuffle(ports)  # noqa: S311 - no secret
    return (port for port in ports if is_free(port))


def is_free(port: int) -> bool:
    """Return whether a service could listen on a port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def write_private(path: Path, content: object) -> None:
    """Write JSON that only this user may read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=2)


def default_folder() -> Path:
    """Return the folder that `make stack` uses: `CRM_STACK_DIR`, or `.stack` in the checkout."""
    return Path(os.environ.get(FOLDER) or ROOT / ".stack").expanduser().resolve()


def existing(folder: Path) -> Place:
    """Return the stack of a folder.

    Raises:
        StackError: no stack was started there.
    """
    place = Place(folder)
    if not place.exists:
        raise StackError(f"No stack has been started in {folder}; run `make stack`.")
    return place
