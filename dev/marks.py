"""Parts of documents that are written from the code: the text between two marks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dev.place import ROOT


@dataclass(frozen=True)
class Part:
    """A part of a page that the code writes.

    Attributes:
        page: the page, as a path below the project's root.
        name: the name in its marks.
        text: makes the part.
    """

    page: str
    name: str
    text: Callable[[], str]

    @property
    def path(self) -> Path:
        """The file."""
        return ROOT / self.page

    def renewed(self, page: str) -> str:
        """Return the text of the page with this part brought up to date."""
        begin = f"<!-- {self.name}: begin, written by `make docs` -->"
        end = f"<!-- {self.name}: end -->"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"{self.page} has no part {self.name}; give it the lines {begin} and {end}.")
        return f"{before}{begin}\n{self.text()}\n{end}{after}"

    def write(self) -> None:
        """Bring the page up to date."""
        self.path.write_text(self.renewed(self.path.read_text("utf-8")), "utf-8")


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    r"""Return a Markdown table.

    >>> print(table(["a", "b"], [[1, "x|y"]]))
    | a | b |
    | --- | --- |
    | 1 | x\|y |
    """
    names = list(header)
    lines = [names, ["---"] * len(names), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("|" + "".join(f" {cell} |" if cell else " |" for cell in line) for line in lines)


def code(names: Iterable[str]) -> str:
    """Return names as Markdown shows code.

    >>> code(["a", "b"])
    '`a`, `b`'
    """
    return ", ".join(f"`{name}`" for name in names)
