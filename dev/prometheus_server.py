"""A real Prometheus server for tests: the configuration of docker/prometheus, and targets on this machine."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from dev.mlflow_server import free_port
from dev.place import ROOT
from dev.waiting import answers, wait_until

FOLDER = ROOT / "docker" / "prometheus"


def is_installed() -> bool:
    """Return whether the server and its tool are there, for example from Debian's package `prometheus`."""
    return bool(shutil.which("prometheus") and shutil.which("promtool"))


def write_config(folder: Path, targets: Mapping[str, str]) -> Path:
    """Write the configuration of docker/prometheus for other targets and short waits; return the file.

    Args:
        folder: where to write it.
        targets: host and port by the name of the job.
    """
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text("utf-8"))
    config["global"] = {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "2s"}
    config["rule_files"] = [str(FOLDER / name) for name in config["rule_files"]]
    for job in config["scrape_configs"]:
        job.pop("scrape_interval", None)
        job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config), "utf-8")
    return file


@contextmanager
def prometheus_server(folder: Path, targets: Mapping[str, str]) -> Generator[str]:
    """Run a server that scrapes targets, and yield its address.

    Args:
        folder: for its configuration, data and log.
        targets: host and port by the name of the job.
    """
    port, log = free_port(), folder / "prometheus.log"
    command = ["prometheus", f"--config.file={write_config(folder, targets)}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    with log.open("ab") as output:
        server = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(
            lambda: answers(server, f"{address}/-/ready", "Prometheus", log),
            f"Prometheus, whose log is {log}",
            lambda: log.stat().st_size,
        )
        yield address
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)
