"""Tests and benchmarks give up on an API that lives but will not be ready."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dev.api_server import API, wait_until_ready
from dev.mlflow_server import free_port

# Answers as an API whose tables are missing.
SERVER = """
import http.server, sys
class Never(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503)
        self.end_headers()
        self.wfile.write(b'{"detail": "No month has predictions."}')
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Never).serve_forever()
"""


def test_a_server_that_lives_and_is_never_ready_is_not_waited_for_without_end(tmp_path: Path) -> None:
    port = free_port()
    with subprocess.Popen([sys.executable, "-c", SERVER, f"{port}"], stderr=subprocess.DEVNULL) as server:
        with pytest.raises(AssertionError, match="No month has predictions"):
            wait_until_ready(server, API, f"http://127.0.0.1:{port}", tmp_path / "log", patience_s=0.5)
        server.kill()
    with pytest.raises(AssertionError, match="The API ended"):
        wait_until_ready(server, API, f"http://127.0.0.1:{port}", Path(__file__))
