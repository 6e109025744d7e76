"""Read the first table of a web page: what several CRMs write as an `.xls` file."""

from __future__ import annotations

from html.parser import HTMLParser

CELLS = ("td", "th")


class _Table(HTMLParser):
    """Collects the cells of the rows of a page.

    Attributes:
        records: the rows so far, each with its texts.
        inside: whether a cell is open.
    """

    def __init__(self) -> None:
        super().__init__()
        self.records: list[list[str]] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a row or a cell; a cell that spans several columns fills the first."""
        if tag == "tr":
            self.records.append([])
        elif tag in CELLS and self.records:
            span = dict(attrs).get("colspan") or "1"
            self.records[-1] += [""] * (int(span) if span.isdigit() else 1)
            self.cell, self.inside = len(self.records[-1]) - (int(span) if span.isdigit() else 1), True
        elif tag == "br":
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        """End a cell."""
        if tag in CELLS:
            self.inside = False

    def handle_data(self, data: str) -> None:
        """Add text to the open cell."""
        if self.inside:
            self.records[-1][self.cell] += data


def is_web_page(data: bytes) -> bool:
    """Return whether a file begins as a web page does."""
    return data[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def records_of(text: str) -> list[list[str]]:
    """Return the rows of a page's tables, each with its texts.

    >>> records_of("<table><tr><th>id<th>name</tr><tr><td>1</td><td>A &amp; B</td></tr></table>")
    [['id', 'name'], ['1', 'A & B']]
    """
    table = _Table()
    table.feed(text)
    table.close()
    return [[" ".join(cell.split()) for cell in record] for record in table.records]
