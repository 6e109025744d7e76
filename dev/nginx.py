"""A real nginx with a login in front of the dashboard, for tests: Debian's package `nginx-light`."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dev.mlflow_server import free_port
from dev.waiting import wait_until

# What a proxy must do: say who is there, prove that it is the proxy, and pass on WebSockets. Both headers
# replace what the browser sent.
SITE = """
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
daemon off;
worker_processes 1;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        auth_basic "Sales forecast";
        auth_basic_user_file {folder}/people;
        location / {{
            proxy_pass {behind};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_set_header Host $http_host;
            proxy_set_header {header} $remote_user;
            proxy_set_header X-Proxy-Secret "{secret}";
            proxy_read_timeout 1d;
        }}
    }}
}}
"""


def find_program() -> str | None:
    """Return nginx, or None if it is not installed."""
    return shutil.which("nginx", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")


@contextmanager
def nginx(folder: Path, behind: str, header: str, secret: str, people: Mapping[str, str]) -> Generator[str]:
    """Run nginx before a dashboard, and yield its address.

    Args:
        folder: for its files.
        behind: the dashboard's address.
        header: the header that names the person.
        secret: what it sends to prove that it is the proxy.
        people: passwords by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    lines = [f"{name}:{_hashed(password)}" for name, password in people.items()]
    (folder / "people").write_text("\n".join(lines) + "\n")
    # The worker of root's nginx is another user, who could not read the file of people.
    user = "user root;" if os.geteuid() == 0 else ""
    site = SITE.format(user=user, folder=folder, port=port, behind=behind, header=header, secret=secret)
    (folder / "nginx.conf").write_text(site)
    command = [str(find_program()), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    with subprocess.Popen(command, cwd=folder) as process:
        try:
            wait_until(lambda: (folder / "nginx.pid").exists() or process.poll() is not None, "nginx")
            assert process.poll() is None, (folder / "error.log").read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def _hashed(password: str) -> str:
    """Return a password as nginx's file of people keeps it: a salted SHA-1, for tests only."""
    salt = os.urandom(8)
    digest = hashlib.sha1(password.encode() + salt).digest()  # noqa: S324 - the form that nginx knows
    return "{SSHA}" + base64.b64encode(digest + salt).decode()
