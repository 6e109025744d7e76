"""How to compare two spellings of the name of a product, agent or account."""

from __future__ import annotations

import ibis.expr.types as ir


def normalized(name: ir.StringValue) -> ir.StringValue:
    """Return the letters and digits of a name in lower case: all its spellings share them."""
    return name.lower().re_replace(r"[^\p{L}\p{N}]+", "")
