"""The documents agree with the code: settings, input, picture, commands, and links."""

from __future__ import annotations

import html
import re
from collections import Counter
from pathlib import Path

import pytest

from crm_assets.definitions import defs
from crm_assets.settings import Settings, variable
from dev.doc_commands import Block, blocks, pages, problem
from dev.graph_docs import PICTURE, assets_by_group, edges
from dev.marks import Part
from dev.place import ROOT
from dev.reference_docs import PARTS
from dev.rest_docs import document
from dev.run_docs import SERVERS, left_out, script
from dev.settings_docs import SETTINGS, env_example
from dev.site_hooks import BROUGHT_IN

MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):.*## .+\.$", MAKEFILE, re.MULTILINE))
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]


def of_root(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_readme_can_be_read_in_a_few_minutes() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 130


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_what_follows_from_the_code_is_up_to_date(part: Part) -> None:
    page = part.path.read_text("utf-8")
    assert part.renewed(page) == page, "run `make docs`"


def test_the_example_of_an_environment_file_has_the_settings_of_the_code() -> None:
    assert (ROOT / ".env.example").read_text("utf-8") == env_example(), "run `make docs`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_has_a_sentence(name: str) -> None:
    text = Settings.model_fields[name].description
    assert text
    assert text.endswith(".")
    assert f"`{variable(name)}`" in SETTINGS.path.read_text("utf-8")


def test_every_parameter_and_field_of_the_api_has_a_meaning() -> None:
    told = document()
    operations = [one for methods in told["paths"].values() for one in methods.values()]
    named = [(one["summary"], par["name"], par) for one in operations for par in one.get("parameters", ())]
    for body, schema in told["components"]["schemas"].items():
        named += [(body, name, field) for name, field in schema.get("properties", {}).items()]
    assert [(where, name) for where, name, one in named if not one.get("description")] == []


def test_the_picture_shows_the_assets_and_arrows_of_the_definitions() -> None:
    found = re.findall(r'class="(?:node|edge)">\s*<title>([^<]+)</title>', PICTURE.read_text("utf-8"))
    titles = [html.unescape(title) for title in found]
    arrows = {tuple(title.split("->")) for title in titles if "->" in title}
    assert arrows == edges(defs), "run `make docs`"
    names = {name for names in assets_by_group(defs).values() for name in names}
    assert {title for title in titles if "->" not in title} == names, "run `make docs`"


def test_every_target_has_a_sentence() -> None:
    assert set(re.findall(r"^\.PHONY: (help .*)$", MAKEFILE, re.MULTILINE)[0].split()) == TARGETS


@pytest.mark.parametrize("page", PAGES, ids=of_root)
def test_every_target_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    assert set(re.findall(r"(?:`|^ *|[A-Z_]+=\S+ )make ([a-z-]+)", text, re.MULTILINE)) <= TARGETS


@pytest.mark.parametrize("page", PAGES, ids=of_root)
def test_every_file_that_a_page_links_to_or_lists_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    for name in re.findall(r"\]\((?![a-z]+:|#)([^)#]+)", text):
        assert (page.parent / name).exists(), name
    for name in re.findall(r"^\| `((?:crm_assets/|benchmarks|dev|docker)[a-z_/.]*)` \|", text, re.MULTILINE):
        assert (ROOT / name).exists(), name


def test_every_page_has_one_place_in_the_site() -> None:
    site = (ROOT / "mkdocs.yml").read_text("utf-8")
    listed = Counter(re.findall(r"^ +- (?:Home: )?(\S+\.md)$", site, re.MULTILINE))
    there = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}
    brought = {name for name in BROUGHT_IN.values() if name.endswith(".md")}
    assert listed == Counter(there | brought)


@pytest.mark.parametrize("page", pages(), ids=of_root)
def test_every_command_in_a_page_exists(page: Path) -> None:
    wrong = [
        f"{block.place}: {command}: {said}"
        for block in blocks(page)
        for command in block.commands
        if (said := problem(command))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "wrong",
    [
        "make no-such-target",
        "make run NOSUCH=1",
        "CRM_NOSUCH=1 make run",
        "export CRM_NOSUCH=1",
        "python -m crm_assets.nosuch",
        "dagster asset materialise -m x",
        "dagster asset materialize --no-such-option",
        "cp docker/nosuch docker/.env",
        "nosuch",
    ],
)
def test_a_command_that_does_not_exist_is_told(wrong: str) -> None:
    assert problem(wrong)


def test_servers_of_a_page_run_until_they_answer_and_what_does_not_run_says_why(tmp_path: Path) -> None:
    commands = "CRM_API_HOST=0.0.0.0 make serve\ncurl http://127.0.0.1:8000/v1/forecast\nmake test"
    block = Block(ROOT / "page.md", 1, commands, "")
    ports = {server.variable: 4000 + at for at, server in enumerate(SERVERS)}
    serve, curl = script(block, tmp_path, tmp_path, ports).splitlines()
    assert serve == "serve http://127.0.0.1:4000/readyz CRM_API_HOST=0.0.0.0 make serve"
    assert curl == "curl --fail-with-body --no-progress-meter http://127.0.0.1:4000/v1/forecast"
    assert list(left_out([block])) == [("page.md:1 make test", "runs the tests")]


def test_the_dashboard_of_grafana_has_the_metrics_of_the_code() -> None:
    pytest.importorskip("grafana_foundation_sdk", reason="the extra dev is not installed")
    from dev.grafana import dashboard

    assert dashboard.FILE.read_text("utf-8") == dashboard.text(), "run `make docs`"
