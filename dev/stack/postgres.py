"""PostgreSQL of a native stack: Debian's server in a private folder, on loopback, with passwords."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from functools import cache
from pathlib import Path

from crm_assets.errors import StackError
from dev.stack.compose import ROOT, Service
from dev.stack.place import HOST, Place

DEBIAN = Path("/usr/lib/postgresql")
# PostgreSQL refuses to run as root.
USER = "postgres"


@cache
def find_programs() -> Path | None:
    """The folder of the server's programs; None where it is not installed."""
    versions = sorted(DEBIAN.glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    folders = [*versions, *([Path(on_path).resolve().parent] if on_path else [])]
    return next((folder for folder in folders if (folder / "initdb").is_file()), None)


def programs() -> Path:
    """The folder of the server's programs.

    Raises:
        StackError: the server is not installed.
    """
    folder = find_programs()
    if folder is None:
        raise StackError("PostgreSQL's server is not installed; on Debian: apt-get install postgresql.")
    return folder


def owner() -> str | None:
    """The user that the server runs as; None for the one who asks."""
    return USER if os.getuid() == 0 else None


def command(place: Place, service: Service) -> tuple[str, ...]:
    """The server's command line: the compose file's, with this stack's folder and address."""
    server, *options = service.command
    here = {
        "port": place.ports["POSTGRES_PORT"],
        "listen_addresses": HOST,
        "unix_socket_directories": "",
        "password_encryption": "scram-sha-256",
    }
    settings = [part for name, value in here.items() for part in ("-c", f"{name}={value}")]
    return (str(programs() / server), "-D", str(place.postgres / "data"), *options, *settings)


def initialize(place: Place) -> None:
    """Make the server's data folder where there is none.

    Raises:
        StackError: the server's user cannot reach the stack's folder, or initdb fails.
    """
    data = place.postgres / "data"
    if (data / "PG_VERSION").is_file():
        return
    # Left by a start that was cut off.
    shutil.rmtree(place.postgres, ignore_errors=True)
    place.postgres.mkdir(mode=0o700)
    password = place.postgres / "password"
    password.write_text(place.secrets["POSTGRES_PASSWORD"])
    if user := owner():
        account = pwd.getpwnam(user)
        for path in (place.postgres, password):
            os.chown(path, account.pw_uid, account.pw_gid)
        _check_reachable(place.postgres, user)
    options = ["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale"]
    _as_owner(programs() / "initdb", f"--pgdata={data}", f"--pwfile={password}", *options)
    password.unlink()


def make_databases(place: Place) -> None:
    """Run the compose file's script of databases and users.

    Raises:
        StackError: it fails.
    """
    connection = {
        "PGHOST": HOST,
        "PGPORT": str(place.ports["POSTGRES_PORT"]),
        "PGPASSWORD": place.secrets["POSTGRES_PASSWORD"],
        "PATH": f"{programs()}{os.pathsep}{os.environ['PATH']}",
    }
    script = str(ROOT / "docker" / "databases.sh")
    done = subprocess.run(
        [script], env=os.environ | connection | place.secrets, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise StackError(f"The databases cannot be made: {done.stderr.strip()}")


def _check_reachable(folder: Path, user: str) -> None:
    for parent in reversed(folder.parents):
        if not parent.stat().st_mode & 0o001:
            raise StackError(
                f"PostgreSQL runs as the user {user}, who may not enter {parent}; "
                "set CRM_STACK_DIR to a folder that everybody may enter, as /var/tmp/crm-stack."
            )


def _as_owner(program: Path, *arguments: str) -> None:
    user = owner()
    done = subprocess.run(
        [str(program), *arguments],
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StackError(f"{program.name} fails: {(done.stderr or done.stdout).strip()}")
