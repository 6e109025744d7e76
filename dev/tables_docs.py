"""`python -m dev.tables_docs`: write the table of files in docs/reference/input.md."""

from __future__ import annotations

from crm_assets.crm.schema import RAW_TABLES, SOURCE_ROW, RawTable
from dev.place import ROOT

PAGE = ROOT / "docs" / "reference" / "input.md"
BEGIN, END = "<!-- tables: begin, written by `make docs` -->", "<!-- tables: end -->"


def files_table() -> str:
    """Return the raw tables as a Markdown table, required ones first."""
    header = "| file | columns that it needs | columns that it uses if they are there |"
    ordered = sorted(RAW_TABLES, key=lambda table: table.optional_table)
    return "\n".join([header, "| --- | --- | --- |", *map(_row, ordered)])


def with_tables(page: str) -> str:
    """Return the text of the page with the table between its marks brought up to date."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{files_table()}\n{END}{after}"


def main() -> None:
    """Write the page."""
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")


def _row(table: RawTable) -> str:
    needed = [name for name in table.names if name not in (*table.optional, SOURCE_ROW.name)]
    file = f"`{table.file_name}`{', if it is there' if table.optional_table else ''}"
    return f"| {file} | {_names(needed)} | {_names(table.optional)} |"


def _names(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    main()
