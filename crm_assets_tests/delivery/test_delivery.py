"""Files and messages: equal to the tables, harmless to spreadsheets, and sent to real servers."""

from __future__ import annotations

import email.policy
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from crm_assets.errors import CrmAssetsError, SettingsError, SourceUnavailableError
from crm_assets.insight.people import Person, write_person
from crm_assets.insight.reading import Reader
from crm_assets.insight.scope import scope_of
from crm_assets.settings import Settings
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore
from dev.mlflow_server import free_port
from dev.place import Place

pytest.importorskip("xlsxwriter", reason="the extra `dashboard` is not installed")
from crm_assets.delivery.digest import digest
from crm_assets.delivery.export import Sheet, sheets, workbook
from crm_assets.delivery.formats import formats
from crm_assets.delivery.rounds import send_all
from crm_assets.delivery.safe_text import csv_bytes
from crm_assets.delivery.send import mail

LAST = "2023-12"
ATTACKS = ('=HYPERLINK("http://x")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "  =1", "＝1")  # noqa: RUF001


@pytest.fixture(scope="module")
def reader(sample_run: tuple[Place, str], tmp_path_factory: pytest.TempPathFactory) -> Reader:
    tables = sample_run[0].tables
    return Reader(TableStore(Folder(tables, tmp_path_factory.mktemp("scratch"))))


@pytest.mark.parametrize("attack", ATTACKS)
def test_text_that_looks_like_a_formula_is_none(attack: str, tmp_path: Path) -> None:
    rows = pd.DataFrame({"account": [attack, "Smith"], "value": [-1.5, 2.0]})
    plain = csv_bytes(rows).decode("utf-8-sig").splitlines()
    assert plain[1].replace('"', "").startswith("'")
    assert plain[2] == "Smith,2.0"
    (tmp_path / "book.xlsx").write_bytes(workbook({"Deals": Sheet(rows, {})}, LAST))
    cell = openpyxl.load_workbook(tmp_path / "book.xlsx")["Deals"]["A2"]
    assert (cell.data_type, cell.value) == ("s", attack)


def test_the_workbook_equals_the_tables_and_its_bytes_are_the_same_each_time(
    reader: Reader, tmp_path: Path
) -> None:
    found = sheets(reader, LAST, Settings(), "the sample")
    content = workbook(found, LAST)
    assert content == workbook(sheets(reader, LAST, Settings(), "the sample"), LAST)
    (tmp_path / "book.xlsx").write_bytes(content)
    book = openpyxl.load_workbook(tmp_path / "book.xlsx")
    assert book.sheetnames == ["Forecast", "Deals", "Changes", "Notes"]
    for name in ("Forecast", "Deals", "Changes"):
        sheet = book[name]
        assert sheet.freeze_panes == "B2"
        assert sheet.auto_filter.ref
        stored = pd.read_excel(tmp_path / "book.xlsx", sheet_name=name)
        expected = found[name].rows
        for column in expected.select_dtypes("number"):
            assert stored[column].tolist() == pytest.approx(expected[column].tolist(), nan_ok=True)
    titles = [cell.value for cell in book["Deals"][1]]
    assert book["Deals"].cell(2, titles.index("probability") + 1).number_format == "0.0 %"
    predicted = reader.predictions(LAST)
    assert found["Deals"].rows["probability"].sum() == pytest.approx(predicted["probability"].sum())


def test_a_locale_writes_money_and_months_its_own_way() -> None:
    german, unknown = formats("de-DE", "EUR"), formats("xx_YY", "USD")
    assert german.month("2018-03") == "März 2018"
    assert german.money(1234567.5).replace("\xa0", " ") == "1.234.568 €"
    assert unknown.money(-0.4) == "$0"
    assert unknown.percent(None) == unknown.number(float("nan"))


class _Hook(BaseHTTPRequestHandler):
    got: list[dict[str, Any]] = []  # noqa: RUF012 - the server shares it
    status = 200

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        type(self).got.append(json.loads(self.rfile.read(size)))
        self.send_response(type(self).status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def webhook() -> Iterator[type[_Hook]]:
    server = HTTPServer(("127.0.0.1", 0), _Hook)
    _Hook.got, _Hook.status, _Hook.port = [], 200, server.server_port  # ty: ignore[missing-attribute]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield _Hook
    server.shutdown()
    thread.join()
    server.server_close()


def test_each_manager_gets_a_digest_in_the_channel(reader: Reader, webhook: Any) -> None:
    settings = Settings(
        digest_webhook=f"http://127.0.0.1:{webhook.port}/secret",
        dashboard_url="https://sales.example.com",
    )
    managers = sorted(reader.predictions(LAST)["manager"].unique())
    assert send_all(reader, settings) == [f"{name}: posted to the webhook" for name in managers]
    texts = [message["text"] for message in webhook.got]
    assert all(name in text for name, text in zip(managers, texts, strict=True))
    assert "All deals: https://sales.example.com" in texts[0]
    # A channel sees of a digest the deals of its manager only.
    own = reader.predictions(LAST).query("manager == @managers[0]")
    assert not [name for name in managers[1:] if name in texts[0]]
    assert len(own)


def test_a_webhook_that_refuses_is_told_without_its_address(reader: Reader, webhook: Any) -> None:
    webhook.status = 403
    settings = Settings(digest_webhook=f"http://127.0.0.1:{webhook.port}/secret")
    with pytest.raises(CrmAssetsError, match=r"0 digests were sent, \d+ were not") as told:
        send_all(reader, settings)
    assert "secret" not in str(told.value)


@pytest.fixture
def mailbox() -> Iterator[tuple[int, list[Any]]]:
    controller = pytest.importorskip("aiosmtpd.controller", reason="aiosmtpd is not installed")
    letters: list[Any] = []

    class Keep:
        async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802
            letters.append(envelope)
            return "250 OK"

    running = controller.Controller(Keep(), hostname="127.0.0.1", port=free_port())
    running.start()
    yield running.port, letters
    running.stop()


def test_people_with_an_address_get_a_mail_in_their_scope(
    reader: Reader, mailbox: tuple[int, list[Any]], tmp_path: Path
) -> None:
    port, letters = mailbox
    users = tmp_path / "users.yaml"
    manager = sorted(reader.predictions(LAST)["manager"].unique())[0]
    write_person(users, Person("boss", scope_of("all"), email="boss@example.com"))
    write_person(users, Person("one", scope_of(f"manager:{manager}"), email="one@example.com"))
    write_person(users, Person("two", scope_of("office:West")))
    settings = Settings(digest_smtp=f"127.0.0.1:{port}", digest_smtp_security="none", dashboard_users=users)
    assert send_all(reader, settings) == ["boss: mailed", "one: mailed"]
    assert [envelope.rcpt_tos for envelope in letters] == [["boss@example.com"], ["one@example.com"]]
    letter = email.message_from_bytes(letters[1].content, policy=email.policy.default)
    assert [part.get_content_type() for part in letter.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    plain = letter.get_body(("plain",))
    assert plain is not None
    assert manager in plain.get_content()
    away = Settings(digest_smtp=f"127.0.0.1:{free_port()}", digest_smtp_security="none")
    message = digest(reader, LAST, settings)
    with pytest.raises(SourceUnavailableError, match="did not take the digest"):
        mail(away, "boss@example.com", message)


def test_names_from_the_crm_are_no_markup(reader: Reader) -> None:
    message = digest(reader, LAST, Settings(), "<script>alert(1)</script> & <!channel>")
    assert "<script>" not in message.html
    assert "<!channel>" not in message.text


def test_nothing_is_sent_if_nothing_is_set(reader: Reader) -> None:
    with pytest.raises(SettingsError, match="CRM_DIGEST_WEBHOOK or CRM_DIGEST_SMTP"):
        send_all(reader, Settings())
