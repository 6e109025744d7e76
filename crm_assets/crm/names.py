"""Names: how two spellings of one product, agent or account are compared."""

from __future__ import annotations

import ibis.expr.types as ir


def normalized(name: ir.StringValue) -> ir.StringValue:
    """Return what two spellings of a name share: letters and digits, lower case."""
    return name.lower().re_replace(r"[^\p{L}\p{N}]+", "")
