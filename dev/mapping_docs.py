"""`python -m dev.mapping_docs`: write crm.schema.json, the JSON Schema of a mapping for editors."""

from __future__ import annotations

import json

from crm_assets.sources.mapping.guess.draft import SCHEMA
from crm_assets.sources.mapping.load import DERIVED, TABLES
from crm_assets.sources.mapping.schema import Mapping


def json_schema() -> str:
    """Return the JSON Schema: editors complete and check the keys of `crm.yaml` with it."""
    schema = Mapping.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    for name, raw in TABLES.items():
        ours = {
            column.name: {"$ref": "#/$defs/Value", "description": column.description}
            for column in raw.columns
            if column.name not in DERIVED
        }
        columns = {"type": "object", "additionalProperties": False, "properties": ours}
        base = {"$ref": f"#/$defs/{'Deals' if name == 'deals' else 'Table'}"}
        one = {"allOf": [base, {"properties": {"columns": columns}}]}
        schema["properties"][name] = {"anyOf": [one, {"type": "null"}], "description": _said(schema, name)}
    long_form = schema["$defs"]["Value"]
    schema["$defs"]["Value"] = {
        "description": long_form.pop("description", ""),
        "anyOf": [
            {"type": "string", "description": "A column of the file."},
            {"type": "array", "items": {"$ref": "#/$defs/Value"}, "description": "The first with a value."},
            long_form,
            {"type": "null", "description": "Goes without it."},
        ],
    }
    for part in ("Table", "Deals"):
        # A line that is left out comes from the preset: nothing is required.
        schema["$defs"][part].pop("required", None)
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _said(schema: dict[str, dict[str, dict[str, str]]], name: str) -> str:
    return str(schema["properties"][name].get("description", ""))


def main() -> None:
    """Write the file."""
    SCHEMA.write_text(json_schema(), "utf-8")


if __name__ == "__main__":
    main()
