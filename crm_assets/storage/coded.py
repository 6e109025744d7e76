"""Texts that come as codes are written as they are, into the same bytes as plain texts."""

from __future__ import annotations

import base64
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


@contextmanager
def plain_writer(path: Path, coded: pa.Schema, plain: pa.Schema) -> Generator[pq.ParquetWriter]:
    """Open a parquet file for tables of the schema `coded`, whose readers find the types of `plain`."""
    codes = any(pa.types.is_dictionary(field.type) for field in coded)
    with pq.ParquetWriter(path, coded, compression="zstd", store_schema=not codes) as writer:
        yield writer
        if codes:
            # What pyarrow itself notes of a schema; it would note the codes.
            writer.add_key_value_metadata({"ARROW:schema": base64.b64encode(plain.serialize()).decode()})


def in_plain_order(table: pa.Table) -> pa.Table:
    """Number the texts of each coded column as they come, as the writer does with plain texts.

    Args:
        table: one chunk per column.
    """
    return pa.table([_renumbered(column) for column in table.columns], names=table.column_names)


def as_declared(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Give a table the columns and types of a schema; texts that come as codes stay so."""
    found = table.select(schema.names)
    pairs = zip(found.schema, schema, strict=True)
    fields = [given if pa.types.is_dictionary(given.type) else declared for given, declared in pairs]
    return found.cast(pa.schema(fields)).replace_schema_metadata(None)


def _renumbered(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    if not pa.types.is_dictionary(column.type):
        return column
    coded = column.unify_dictionaries().combine_chunks()
    coded = coded.chunk(0) if isinstance(coded, pa.ChunkedArray) else coded
    codes = coded.indices.dictionary_encode()
    renumbered = pa.DictionaryArray.from_arrays(codes.indices, coded.dictionary.take(codes.dictionary))
    return renumbered.cast(column.type)
