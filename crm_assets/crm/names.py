"""When two spellings of a product, agent or account are one name.

Names are the same if no reader can tell them apart: they differ only in white space. (The source has already
composed letters and their marks as Unicode's NFC does.) A spelling that also differs in case or punctuation,
such as `GTXPro` for `GTX Pro`, means a listed name only if exactly one of them is spelled so.
"""

from __future__ import annotations

import ibis.expr.types as ir
from ibis import _

# What people add, leave out or swap: blanks, dashes, dots, quotation marks, brackets. Not the signs that tell
# `C++` from `C#`, and not the marks that are part of a letter.
LOOSE_SIGNS = "[\\s\\p{Z}\\p{Pd}\\p{Pc}\\p{Ps}\\p{Pe}\\p{Pi}\\p{Pf}.,:;'\"`\u00b4/]+"


def as_seen(name: ir.StringValue) -> ir.StringValue:
    """Return a name with one blank for each run of white space: what a reader sees."""
    return name.re_replace(r"[\s\p{Z}]+", " ").strip()


def loosely(name: ir.StringValue) -> ir.StringValue:
    """Return a name in lower case without blanks and punctuation: what similar spellings share."""
    return name.lower().re_replace(LOOSE_SIGNS, "")


def meant(spelled: ir.StringColumn, listed: ir.StringColumn) -> ir.Table:
    """Find the listed name that each spelling means.

    Args:
        spelled: names as they are written, from one table.
        listed: the listed names, from another table.

    Returns:
        One row per distinct spelling: `name`, and `means`, the listed name, or null if there is none or
        several could be meant.
    """
    names = _distinct(spelled).mutate(seen=as_seen(_.name), loose=loosely(_.name))
    known = _distinct(listed).mutate(seen=as_seen(_.name), loose=loosely(_.name))
    same = known.group_by("seen").agg(same=_.name.min())
    alike = known.filter(_.loose != "").group_by("loose").agg(alike=_.name.min(), seen_so=_.seen.nunique())
    alike = alike.filter(_.seen_so == 1).drop("seen_so")
    found = names.left_join(same, "seen").drop("seen_right").left_join(alike, "loose")
    return found.select("name", means=found.same.coalesce(found.alike))


def _distinct(names: ir.StringColumn) -> ir.Table:
    return names.name("name").as_table().distinct().drop_null()
