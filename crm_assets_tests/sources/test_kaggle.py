"""The Kaggle source: the real `kaggle` package against a server on the loopback."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from kagglesdk import kaggle_env

from crm_assets.crm.months import MonthRange
from crm_assets.crm.schema import RAW_PRODUCTS, RAW_TABLES
from crm_assets.errors import BadInputError, SourceUnavailableError
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.kaggle import KNOWN_MONTHS, KaggleDataset
from crm_assets_tests.sources.test_csv_folder import tables_of

DATASET = "owner/crm-dump"


@dataclass
class Kaggle:
    """What the server answers to a download, and the requests that it got."""

    body: bytes
    status: int = 200
    token_status: int = 200
    token_active: bool = True
    asked: list[str] = field(default_factory=list)
    before_download: Callable[[], object] = lambda: None

    @property
    def downloads(self) -> int:
        return sum(path.endswith("/DownloadDataset") for path in self.asked)


class Handler(BaseHTTPRequestHandler):
    """Serve the two calls of a download, and the file that the second one redirects to."""

    kaggle: Kaggle

    def do_POST(self) -> None:
        kaggle = self.kaggle
        self.rfile.read(int(self.headers["Content-Length"]))
        kaggle.asked.append(self.path)
        if self.path.endswith("/IntrospectToken"):
            self.reply(
                kaggle.token_status,
                json.dumps({"active": kaggle.token_active, "username": "me"}).encode(),
                "application/json",
            )
            return
        kaggle.before_download()
        if kaggle.status == 200:
            # Like Kaggle: the call redirects to a file elsewhere.
            self.send_response(302)
            self.send_header("Location", "/archive.zip")
            self.end_headers()
        else:
            self.reply(kaggle.status, b"refused", "text/plain")

    def do_GET(self) -> None:
        self.reply(200, self.kaggle.body, "application/zip")

    def reply(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture(autouse=True)
def no_config_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch, small_dump: Path) -> Iterator[Kaggle]:
    """Start a Kaggle server that has the small dump, and set credentials for it."""
    kaggle = Kaggle(archive(small_dump))
    handler = type("Answers", (Handler,), {"kaggle": kaggle})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        point_to(monkeypatch, f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("KAGGLE_USERNAME", "me")
        monkeypatch.setenv("KAGGLE_KEY", "key")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield kaggle
        server.shutdown()
        thread.join()


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    return tmp_path / "downloads"


def point_to(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    # Change the package's own table of addresses, since no variable sets a port.
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, address)


def nobody_listens() -> str:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


def archive(folder: Path, under: str = "") -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.iterdir()):
            packed.write(path, f"{under}{path.name}")
    return data.getvalue()


def dataset(downloads: Path) -> KaggleDataset:
    return KaggleDataset(DATASET, downloads, "test")


def failure(downloads: Path) -> str:
    """Return the one sentence of a failed read, and check that it leaves nothing behind."""
    with pytest.raises(SourceUnavailableError) as caught:
        dataset(downloads).read(RAW_PRODUCTS)
    sentence = str(caught.value)
    assert list(downloads.iterdir()) == []
    assert "\n" not in sentence
    assert sentence.endswith(
        "or set CRM_DATA_DIR to a folder of the CSV files, or CRM_SOURCE=sample for synthetic data."
    )
    return sentence


def test_a_download_reads_the_same_tables_as_its_files(
    kaggle: Kaggle, downloads: Path, small_dump: Path
) -> None:
    for table in RAW_TABLES:
        assert dataset(downloads).read(table) == CsvFolder(small_dump, "test").read(table)
    assert [path.name for path in downloads.iterdir()] == ["owner__crm-dump"]


def test_a_complete_download_is_used_again_without_network(
    kaggle: Kaggle, downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = dataset(downloads).read(RAW_PRODUCTS)
    point_to(monkeypatch, nobody_listens())
    assert dataset(downloads).read(RAW_PRODUCTS) == first
    assert kaggle.downloads == 1


def test_files_in_a_folder_of_the_archive_are_found(
    kaggle: Kaggle, downloads: Path, small_dump: Path
) -> None:
    (small_dump / "readme.txt").write_text("more than the tables")
    kaggle.body = archive(small_dump, under="CRM dump/")
    assert dataset(downloads).read(RAW_PRODUCTS).num_rows == 7
    kept = sorted(path.name for path in (downloads / "owner__crm-dump").iterdir())
    assert kept == sorted(table.file_name for table in tables_of(small_dump))


def test_an_access_token_is_enough(kaggle: Kaggle, downloads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAGGLE_USERNAME")
    monkeypatch.delenv("KAGGLE_KEY")
    monkeypatch.setenv("KAGGLE_API_TOKEN", "token")
    assert dataset(downloads).read(RAW_PRODUCTS).num_rows == 7
    assert any(path.endswith("/IntrospectToken") for path in kaggle.asked)


def test_two_readers_at_once_share_one_complete_download(kaggle: Kaggle, downloads: Path) -> None:
    # Both downloads start before either gets an answer, as in two processes of a run.
    kaggle.before_download = threading.Barrier(2, timeout=10).wait
    with ThreadPoolExecutor(2) as readers:
        one, other = readers.map(lambda _: dataset(downloads).read(RAW_PRODUCTS), range(2))
    assert one == other
    assert kaggle.downloads == 2
    assert [path.name for path in downloads.iterdir()] == ["owner__crm-dump"]


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_told_in_one_sentence(kaggle: Kaggle, downloads: Path, status: int) -> None:
    kaggle.status = status
    assert failure(downloads).startswith(
        f"Kaggle does not give owner/crm-dump to your credentials ({status}): create a new API token"
    )


def test_an_unknown_data_set_is_told_in_one_sentence(kaggle: Kaggle, downloads: Path) -> None:
    kaggle.status = 404
    assert failure(downloads).startswith("Kaggle has no data set owner/crm-dump; correct CRM_KAGGLE_DATASET")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_told_in_one_sentence(kaggle: Kaggle, downloads: Path, status: int) -> None:
    kaggle.status = status
    assert failure(downloads).startswith(
        f"Kaggle answered {status} when asked for owner/crm-dump; try again later"
    )


@pytest.mark.parametrize("broken", ["no zip", "cut", "damaged", "empty"])
def test_a_broken_archive_is_told_in_one_sentence(kaggle: Kaggle, downloads: Path, broken: str) -> None:
    whole = kaggle.body
    middle = len(whole) // 2
    kaggle.body = {
        "no zip": b"<html>Sorry</html>",
        "cut": whole[:middle],
        "damaged": whole[:middle] + bytes(200) + whole[middle + 200 :],
        "empty": b"",
    }[broken]
    assert failure(downloads).startswith("The files that Kaggle sent for owner/crm-dump cannot be unpacked")


def test_an_archive_without_a_file_is_told_in_one_sentence(
    kaggle: Kaggle, downloads: Path, small_dump: Path
) -> None:
    (small_dump / "sales_pipeline.csv").unlink()
    kaggle.body = archive(small_dump)
    assert failure(downloads).startswith(
        "Kaggle's owner/crm-dump has no sales_pipeline.csv; correct CRM_KAGGLE_DATASET"
    )


def test_a_download_after_a_failed_one_succeeds(kaggle: Kaggle, downloads: Path) -> None:
    kaggle.status = 503
    failure(downloads)
    kaggle.status = 200
    assert dataset(downloads).read(RAW_PRODUCTS).num_rows == 7


@pytest.mark.parametrize(
    "credentials", [{"KAGGLE_USERNAME": "me", "KAGGLE_KEY": "key"}, {"KAGGLE_API_TOKEN": "t"}]
)
def test_a_server_that_does_not_listen_is_told_in_one_sentence(
    downloads: Path, monkeypatch: pytest.MonkeyPatch, credentials: dict[str, str]
) -> None:
    point_to(monkeypatch, nobody_listens())
    for name, value in credentials.items():
        monkeypatch.setenv(name, value)
    assert failure(downloads).startswith(
        "Kaggle cannot be reached to download owner/crm-dump (ConnectionError); check the network"
    )


def test_absent_credentials_are_told_in_one_sentence(
    downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_to(monkeypatch, nobody_listens())
    assert failure(downloads).startswith("There are no valid Kaggle credentials: create an API token")


def test_an_expired_token_is_told_in_one_sentence(
    kaggle: Kaggle, downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAGGLE_USERNAME")
    monkeypatch.setenv("KAGGLE_API_TOKEN", "token")
    kaggle.token_active = False
    assert failure(downloads).startswith("There are no valid Kaggle credentials: create an API token")
    kaggle.token_status = 401
    assert failure(downloads).startswith("Kaggle does not give owner/crm-dump to your credentials (401)")


def test_a_folder_that_cannot_be_made_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceUnavailableError, match=r"^Cannot keep downloads in .*; set CRM_HOME"):
        dataset(tmp_path / "file" / "downloads").read(RAW_PRODUCTS)


def test_bad_files_of_a_data_set_are_told_like_those_of_a_folder(
    kaggle: Kaggle, downloads: Path, small_dump: Path
) -> None:
    (small_dump / "products.csv").write_text("product,series,sales_price\nGTX,G,-1\n")
    kaggle.body = archive(small_dump)
    with pytest.raises(BadInputError, match=r"^products\.csv, column sales_price, row 2: '-1' is negative"):
        dataset(downloads).read(RAW_PRODUCTS)


def test_the_months_of_a_known_data_set_need_no_download(downloads: Path) -> None:
    known = next(iter(KNOWN_MONTHS))
    assert KaggleDataset(known, downloads, "test").month_range() == MonthRange("2016-10", "2017-12")
    assert not downloads.exists()


def test_the_known_months_are_those_of_the_data(real_dump: Path) -> None:
    assert set(KNOWN_MONTHS.values()) == {CsvFolder(real_dump, "test").month_range()}


def test_the_months_of_another_data_set_are_read_from_it(kaggle: Kaggle, downloads: Path) -> None:
    assert dataset(downloads).month_range() == MonthRange("2022-10", "2023-12")


def test_importing_the_source_does_not_import_kaggle() -> None:
    code = "import sys, crm_assets.sources.kaggle; print({'kaggle', 'requests'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
