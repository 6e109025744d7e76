"""What MkDocs does beyond Markdown: pages from the root, links to code, diagrams, pages without a place.

All documents link to each other as files of the repository, so that they read well there too. A link to a
file that is no page of the site becomes plain text. A link to a file that does not exist stays, and the
strict build refuses it.
"""

from __future__ import annotations

import base64
import posixpath
import re
from pathlib import Path
from typing import Any

import mmdr
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
# Files outside docs/ that are pages or pictures of the site, and their names there.
BROUGHT_IN = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "measurements.md",
    "benchmarks/tables.svg": "tables.svg",
    "benchmarks/spark.svg": "spark.svg",
}
IN_REPOSITORY = {name: path for path, name in BROUGHT_IN.items()}
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)")
DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^( *```.*?^ *```)$", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root, and give each page a place in the navigation."""
    for path, name in BROUGHT_IN.items():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / path)))
    named = set(_named(config.nav))
    more = sorted(file.src_uri for file in files.documentation_pages() if file.src_uri not in named)
    if more:
        config.nav = [*(config.nav or []), {"More": more}]
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between files into links between pages, and diagrams into pictures."""
    del config
    drawn = DIAGRAM.sub(lambda block: _drawn(block, page.file.src_uri), markdown)
    parts = FENCED.split(drawn)
    # Every second part is a block of code.
    parts[::2] = [
        LINK.sub(lambda link: _of_site(link, page.file.src_uri, files), part) for part in parts[::2]
    ]
    return "".join(parts)


def _named(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    return [name for part in (nav.values() if isinstance(nav, dict) else nav or []) for name in _named(part)]


def _of_site(link: re.Match[str], page: str, files: Files) -> str:
    picture, text, target, anchor = link.groups()
    here = IN_REPOSITORY.get(page, f"docs/{page}")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(here), target))
    name = BROUGHT_IN.get(path) or path.removeprefix("docs/")
    if (ROOT / path).is_dir() and files.get_file_from_path(f"{name}/index.md"):
        name = f"{name}/index.md"
    if files.get_file_from_path(name):
        return f"{picture}[{text}]({posixpath.relpath(name, posixpath.dirname(page) or '.')}{anchor or ''})"
    return text if (ROOT / path).exists() else link[0]


def _drawn(block: re.Match[str], page: str) -> str:
    try:
        picture = mmdr.render(block[1]).svg()
    except ValueError as error:
        raise PluginError(f"{page}: a diagram cannot be drawn: {error}") from error
    # As an image of its own: pictures on one page would share names of styles and arrow heads.
    return (
        f'<img alt="diagram" src="data:image/svg+xml;base64,{base64.b64encode(picture.encode()).decode()}">'
    )
