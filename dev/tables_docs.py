"""`python -m dev.tables_docs`: write the table of files in docs/reference/input.md."""

from __future__ import annotations

from crm_assets.crm.schema import RAW_TABLES, SOURCE_ROW, RawTable
from dev.marks import Part, code, table


def files_table() -> str:
    """Return the raw tables as a Markdown table, required ones first."""
    header = ("file", "columns that it needs", "columns that it uses if they are there")
    return table(header, map(_row, sorted(RAW_TABLES, key=lambda raw: raw.optional_table)))


TABLES = Part("docs/reference/input.md", "tables", files_table)


def main() -> None:
    """Write the page."""
    TABLES.write()


def _row(raw: RawTable) -> tuple[str, str, str]:
    needed = [name for name in raw.names if name not in (*raw.optional, SOURCE_ROW.name)]
    file = f"`{raw.file_name}`{', if it is there' if raw.optional_table else ''}"
    return file, code(needed), code(raw.optional)


if __name__ == "__main__":
    main()
