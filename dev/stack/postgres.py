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
    """Return the folder of the server's programs; None if it is not installed."""
    versions = sorted(DEBIAN.glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    folders = [*versions, *([Path(on_path).resolve().parent] if on_path else [])]
    return next((folder for folder in folders if (folder / "initdb").is_file()), None)


def programs() -> Path:
    """Return the folder of the server's programs.

    Raises:
        StackError: the server is not installed.
    """
    folder = find_programs()
    if folder is None:
        raise StackError("The PostgreSQL server is not installed; on Debian: apt-get install postgresql.")
    return folder


def owner() -> str | None:
    """Return the user that the server runs as; None for the current user."""
    return USER if os.getuid() == 0 else None


def command(place: Place, service: Service) -> tuple[str, ...]:
    """Return the compose file's command line of the server, with this stack's folder and address."""
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
    """Create the server's data folder if there is none.

    Raises:
        StackError: the server's user cannot reach the stack's folder, or initdb fails.
    """
    data = place.postgres / "data"
    if (data / "PG_VERSION").is_file():
        return
    # Remove what an interrupted start left behind.
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
    """Run the compose file's script that creates databases and users.

    Raises:
        StackError: the script fails.
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
        raise StackError(f"The databases cannot be created: {done.stderr.strip()}")


def _check_reachable(folder: Path, user: str) -> None:
    for parent in reversed(folder.parents):
        if not parent.stat().st_mode & 0o001:
            raise StackError(
                f"PostgreSQL runs as the user {user}, who may not enter {parent}; set CRM_STACK_DIR to a "
                "folder that every user may enter, for example /var/tmp/crm-stack."
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
        raise StackError(f"{program.name} failed: {(done.stderr or done.stdout).strip()}")
