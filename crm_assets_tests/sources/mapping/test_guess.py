"""`make mapping` guesses the preset and the columns, writes a draft that can be used, and says its doubts."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm_assets.console import mapping as command
from crm_assets.errors import SettingsError
from crm_assets.settings import get_settings
from crm_assets.sources.mapping.guess.draft import Draft, draft
from crm_assets.sources.mapping.guess.look import look
from crm_assets.sources.mapping.load import load
from crm_assets.sources.mapping.schema import Mapping
from crm_assets_tests.sources.mapping.conftest import Take
from crm_assets_tests.sources.mapping.small import THREE, Put, Write, deals
from dev.crm_exports.crms import CRMS

GERMAN = "Vorgang;Kunde;Verkäufer;Phase;Wert;Erstellt am;Geschlossen am\n"
GERMAN += (
    "A1;Müller;Anna;1 - Kontakt;1.200,00 €;13.01.2024;\nA2;Bäcker;Bob;10 - Angebot;12.200,50 €;14.01.2024;\n"
)
GERMAN += (
    "A3;Schmidt;Anna;Gewonnen;200,00 €;15.01.2024;26.02.2024\nA4;Weber;Bob;2 - Demo;90,00 €;16.01.2024;\n"
)
GERMAN += "A5;Klein;Bob;Verloren;90,00 €;16.01.2024;26.03.2024\n"


def drafted(folder: Path) -> Draft:
    return draft(look(folder), str(folder))


@pytest.mark.parametrize("crm", CRMS)
def test_the_preset_of_each_crm_is_recognized_without_a_doubt(exports: dict[str, Path], crm: str) -> None:
    made = drafted(exports[crm])
    assert look(exports[crm]).preset == crm
    assert made.doubts == []


@pytest.mark.parametrize("crm", CRMS)
def test_files_under_other_names_are_recognized_by_their_columns(
    exports: dict[str, Path], tmp_path: Path, crm: str
) -> None:
    deals_file = look(exports[crm]).by_role["deals"]
    for path in exports[crm].iterdir():
        (tmp_path / f"copy of x {len(path.stem)}{path.stem[-2:]}.csv").write_bytes(path.read_bytes())
    found = look(tmp_path)
    assert found.preset == crm
    assert found.tables[found.by_role["deals"].name].header == list(
        look(exports[crm]).tables[deals_file.name].header
    )


def test_our_own_files_are_recognized(small_dump: Path) -> None:
    assert look(small_dump).preset == "kaggle"


@pytest.mark.parametrize("crm", CRMS)
def test_a_draft_says_what_its_preset_says(exports: dict[str, Path], mapping: Write, crm: str) -> None:
    made = drafted(exports[crm])
    assert load(str(mapping(made.text))).mapping == load(crm).mapping


@pytest.mark.parametrize("crm", CRMS)
def test_lines_of_a_draft_hold_where_the_comment_sign_is_taken_off(
    exports: dict[str, Path], mapping: Write, take: Take, crm: str
) -> None:
    lines = drafted(exports[crm]).text.splitlines()
    begin = lines.index("deals:")
    below = [line.replace("# ", "", 1) for line in lines[begin + 1 :]]
    with_lines = mapping("\n".join([*lines[:begin], "deals:", *below]))
    written = load(str(with_lines))
    assert written.wrote("deals", "columns", "created_date")
    before, after = take(exports[crm], crm), take(exports[crm], with_lines)
    assert before["raw_sales_pipeline"].rows.equals(after["raw_sales_pipeline"].rows)


def test_a_crm_that_no_preset_knows_gets_a_draft_that_can_be_used(
    put: Put, take: Take, mapping: Write
) -> None:
    folder = put(export=GERMAN)
    made = drafted(folder)
    assert made.doubts == ["the order of the open stages, from first to last."]
    taken = take(folder, mapping(made.text))
    assert set(deals(taken, "currency")) == {"EUR"}
    columns = ("opportunity_id", "sales_agent", "deal_stage", "stage_position", "amount", "close_value")
    assert deals(taken, *columns) == [
        ("A1", "Anna", "Engaging", 1, 1200.0, None),
        ("A2", "Bob", "Engaging", 3, 12200.5, None),
        ("A3", "Anna", "Won", None, 200.0, 200.0),
        ("A4", "Bob", "Engaging", 2, 90.0, None),
        ("A5", "Bob", "Lost", None, 90.0, None),
    ]


def test_what_cannot_be_decided_is_said(put: Put) -> None:
    text = "Opportunity,Rep,Deal Value,Status,Opened,Closed,Currency\nO-1,Ann,$1,Demo,3/1/24,,USD\n"
    text += "O-2,Bob,$2,Won,3/2/24,4/5/24,EUR\nO-3,Ann,$3,Hm,4/2/24,5/5/24,USD\n"
    doubts = drafted(put(report=text)).doubts
    assert any("reads as M/D/YY and as D/M/YY in every row" in doubt for doubt in doubts)
    assert any("Choose M/D/YY or D/M/YY." in doubt for doubt in doubts)
    assert any("no stage looks like lost" in doubt for doubt in doubts)
    assert any("amounts are in 'USD' (2), 'EUR' (1): what is one unit" in doubt for doubt in doubts)


def test_a_column_that_the_preset_does_not_name_is_guessed_and_said(put: Put) -> None:
    text = THREE.replace("Amount", "Deal Value")
    made = drafted(put(Opportunity=text))
    assert "amount is guessed to be Deal Value." in made.doubts
    assert "    amount: Deal Value" in made.text


def test_new_stages_of_a_preset_are_listed(put: Put) -> None:
    text = (
        THREE.replace("Qualification", "Trial").replace("Closed Won", "Signed").replace("Closed Lost", "Lost")
    )
    made = drafted(put(Opportunity=text))
    assert "    - Trial" in made.text
    assert "  won: Signed" in made.text
    assert "  lost: Lost" in made.text


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, target: Path) -> None:
    monkeypatch.setenv("CRM_DATA_DIR", str(folder))
    monkeypatch.setattr("sys.argv", ["mapping", str(target)])
    get_settings.cache_clear()
    assert command.main() == 0


def test_the_command_writes_a_draft_and_says_what_comes_of_it(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    exports: dict[str, Path],
    tmp_path: Path,
) -> None:
    target = tmp_path / "my.yaml"
    run(monkeypatch, exports["hubspot"], target)
    said = " ".join(capsys.readouterr().out.split())
    assert "my.yaml starts from the preset hubspot: hubspot-crm-exports-all-deals-2024-01-02.csv has" in said
    assert "It reads 2,000 deals: 958 won, 548 lost, 494 open." in said
    assert isinstance(load(str(target)).mapping, Mapping)


def test_the_command_never_writes_over_a_file(
    monkeypatch: pytest.MonkeyPatch, exports: dict[str, Path], tmp_path: Path
) -> None:
    target = tmp_path / "crm.yaml"
    target.write_text("mine")
    with pytest.raises(SettingsError, match=r"crm\.yaml is there already: remove it, or name another file"):
        run(monkeypatch, exports["odoo"], target)
    assert target.read_text() == "mine"


def test_the_command_needs_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["mapping"])
    with pytest.raises(SettingsError, match="make mapping needs CRM_DATA_DIR"):
        command.main()


def test_the_crms_own_probability_says_what_a_new_stage_means(put: Put, take: Take, mapping: Write) -> None:
    text = "Record ID,Deal Stage,Amount,Close Date,Create Date,Deal owner,Deal probability\n"
    text += "1,Closed won,1,2024-02-03,2024-01-02,Ann,100%\n2,Closed lost,1,2024-02-03,2024-01-02,Ann,0%\n"
    text += "3,Offer,1,2024-08-03,2024-01-02,Ann,60%\n4,First call,1,2024-08-03,2024-01-02,Ann,20%\n"
    text += "5,Renewed,1,2024-02-03,2024-01-02,Ann,100%\n6,Gone quiet,1,2024-02-03,2024-01-02,Ann,0%\n"
    folder = put(deals=text)
    made = drafted(folder)
    assert made.doubts == [
        "the order of the open stages, from first to last; the CRM's probability says this one."
    ]
    taken = take(folder, mapping(made.text))
    assert deals(taken, "deal_stage", "stage_position", "crm_probability") == [
        ("Won", None, 1.0),
        ("Lost", None, 0.0),
        ("Engaging", 2, 0.6),
        ("Engaging", 1, 0.2),
        ("Won", None, 1.0),
        ("Lost", None, 0.0),
    ]


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("state", ("Open", "Won", "Lost")),
        ("is_won,is_closed", ("false,false", "true,true", "false,true")),
        ("Won,Closed", ("0,0", "1,1", "0,1")),
    ],
)
def test_another_column_than_the_stage_may_tell_won_and_lost(
    put: Put, take: Take, mapping: Write, header: str, values: tuple[str, str, str]
) -> None:
    text = f"deal_id,rep,stage,created_at,closed_at,value,{header}\n"
    text += f"1,Ann,Demo,2024-01-13,,5,{values[0]}\n2,Ann,Offer,2024-01-14,2024-02-15,5,{values[1]}\n"
    text += f"3,Bob,Demo,2024-01-15,2024-02-16,6,{values[2]}\n"
    folder = put(export=text, notes="a,b\n1,2\n")
    taken = take(folder, mapping(drafted(folder).text))
    assert deals(taken, "deal_stage", "stage_name", "close_value") == [
        ("Engaging", "Demo", None),
        ("Won", "Offer", 5.0),
        ("Lost", "Demo", None),
    ]


UNKNOWN = {
    "French": (
        "Identifiant;Étape;Propriétaire;Compte;Montant;Date de création;Date de clôture\n"
        "1;Gagné;Marie;Durand;1 200,50 €;05/01/2024;26/02/2024\n"
        "2;Perdu;Luc;Petit;900 €;16/01/2024;07/03/2024\n"
        "3;Négociation;Luc;Petit;2 300,00 €;17/01/2024;\n"
    ),
    "Dutch": (
        "Deal ID;Fase;Eigenaar;Klant;Bedrag;Aangemaakt op;Gesloten op\n"
        "1;Gewonnen;Jan;X;€ 1.200,50;31-01-2024;28-02-2024\n"
        "2;Verloren;Piet;Y;€ 900,00;16-01-2024;07-03-2024\n"
        "3;Offerte;Piet;Y;€ 2.300,00;17-01-2024;\n"
    ),
    "Japanese": (
        "商談ID,フェーズ,所有者,取引先,金額,作成日,完了予定日\n"
        '1,受注,田中,A,"¥1,200",2024年1月5日,2024年2月6日\n'
        "2,失注,佐藤,B,¥900,2024年1月16日,2024年3月7日\n3,提案,佐藤,B,¥2300,2024年1月17日,2024年9月1日\n"
    ),
    "a German report of Salesforce": (
        "Opportunity-ID;Opportunity-Inhaber;Accountname;Phase;Betrag;Schlussdatum;Erstelldatum\n"
        "a;Anna;Acme;Abgeschlossen und gewonnen;1.200,00;28.02.2024;28.01.2024\n"
        "b;Bob;Acme;Abgeschlossen und verloren;900,00;14.03.2024;30.01.2024\n"
        "c;Bob;Acme;Verhandlung;800,00;14.06.2024;31.01.2024\n"
    ),
    "a Spanish export of HubSpot": (
        '"ID de registro","Etapa del negocio","Fecha de cierre","Propietario del negocio","Valor",'
        '"Fecha de creación"\n"1","Cierre ganado","2024-02-06 10:00","Ana","100","2024-01-05 10:00"\n'
        '"2","Cierre perdido","2024-02-06 10:00","Luis","100","2024-01-05 10:00"\n'
        '"3","Cita programada","2024-06-06 10:00","Luis","100","2024-01-05 10:00"\n'
    ),
    "Zoho": (
        "Record Id,Account Name,Deal Owner,Stage,Amount,Closing Date,Created Time,Probability (%)\n"
        "z1,Acme,Ann,Closed Won,$ 900.00,2024-02-06,2024-01-05 10:00:00,100\n"
        "z2,Acme,Bob,Closed Lost,$ 900.00,2024-02-06,2024-01-05 10:00:00,0\n"
        "z3,Acme,Bob,Negotiation/Review,$ 900.00,2024-06-06,2024-01-05 10:00:00,60\n"
    ),
}


@pytest.mark.parametrize("crm", UNKNOWN)
def test_an_export_in_another_language_gets_a_draft_that_can_be_used(
    put: Put, take: Take, mapping: Write, crm: str
) -> None:
    folder = put(export=UNKNOWN[crm])
    made = drafted(folder)
    assert not made.doubts
    found = take(folder, mapping(made.text))
    assert deals(found, "deal_stage") == ["Won", "Lost", "Engaging"]
    rows = found["raw_sales_pipeline"].rows.to_pylist()
    assert all(row["sales_agent"] and row["created_date"] and row["amount"] for row in rows)
    assert [bool(row["close_date"]) for row in rows] == [True, True, False]
    assert rows[2].get("crm_probability", 0.6) == 0.6


def test_columns_that_no_word_names_are_guessed_by_what_they_hold_and_said_to_be_unsure(
    put: Put, take: Take, mapping: Write
) -> None:
    text = "a,b,c,d\nx1,5/13/2024,Vinto,7/30/2024\nx2,5/14/2024,Perso,7/30/2024\nx3,5/14/2024,Offerta,\n"
    folder = put(export=text)
    made = drafted(folder)
    assert made.doubts == [
        "close_date is guessed to be d, since that holds dates.",
        "created_date is guessed to be b, since that holds dates.",
    ]
    assert "  stage: c  # for example Vinto, Perso, Offerta" in made.text
    assert deals(take(folder, mapping(made.text)), "deal_stage") == ["Won", "Lost", "Engaging"]


def test_units_in_a_header_do_not_hide_the_name_of_a_column(put: Put) -> None:
    made = drafted(
        put(
            export="Deal ID,Stage,Amount (EUR),Created Date,Close Date [UTC]\na,Won,1,2024-01-05,2024-02-06\n"
        )
    )
    assert "    amount: Amount (EUR)" in made.text
    assert "    close_date: {column: 'Close Date [UTC]', when: closed}" in made.text


def test_several_files_with_the_right_name_are_told(put: Put) -> None:
    text = "Record ID,Deal Stage,Amount,Create Date,Close Date\n{},Closed Won,1,2024-01-05,2024-02-06\n"
    made = drafted(put(**{f"all-deals-{year}": text.format(year) for year in (2023, 2024)}))
    assert made.doubts == [
        "Which file has the deals: all-deals-2023.csv, all-deals-2024.csv have the right name; only one is "
        "read."
    ]
    assert "  deals: all-deals-2023" in made.text
