"""A PostgreSQL server of Debian's package for tests and benchmarks: one database, on loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from dev.mlflow_server import free_port
from dev.stack.postgres import owner, programs


@contextmanager
def postgres_server() -> Generator[str]:
    """Run a server, and yield the address of its database, for SQLAlchemy.

    Raises:
        StackError: the server is not installed.
    """
    port = free_port()
    # Its user may not enter pytest's own folders.
    folder = Path(tempfile.mkdtemp(prefix="crm-postgres-"))
    if user := owner():
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)
    data = folder / "data"
    try:
        _run("initdb", f"--pgdata={data}", "--username=postgres", "--auth=trust", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        at, log = f"--pgdata={data}", f"--log={folder / 'log'}"
        _run("pg_ctl", at, log, "--wait", f"--options={options}", "start")
        try:
            yield f"postgresql+psycopg2://postgres@127.0.0.1:{port}/postgres"
        finally:
            _run("pg_ctl", at, "--mode=immediate", "--wait", "stop")
    finally:
        shutil.rmtree(folder)


def _run(program: str, *arguments: str) -> None:
    user = owner()
    subprocess.run(
        [str(programs() / program), *arguments],
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
        cwd="/",
        stdout=subprocess.DEVNULL,
        check=True,
    )
