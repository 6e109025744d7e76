"""Words and numbers in Markdown: names from a CRM cannot change the page that shows them."""

from __future__ import annotations

import math
import re
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

NOTHING = "-"
MARKS = re.compile(r"([\\`*{}\[\]<>|#!~]|(?<!\w)_|_(?!\w))")


def plain(text: object) -> str:
    r"""Return a text that Markdown shows as it is, on one line.

    >>> plain("a|b_c\n<i> [x](y) _z_")
    'a\\|b_c \\<i\\> \\[x\\](y) \\_z\\_'
    """
    return MARKS.sub(r"\\\1", " ".join(str(text).split()))


def number(value: float, digits: int = 0) -> str:
    """Return a number with as many digits after the point, or a dash if there is none.

    >>> number(1234.5678, 2), number(1234), number(float("nan"))
    ('1,234.57', '1,234', '-')
    """
    return NOTHING if value is None or math.isnan(value) else f"{value:,.{digits}f}"


@cache
def template(name: str) -> Template:
    """Return a template of this room."""
    found = Environment(  # noqa: S701 - Markdown; `plain` escapes what comes from a CRM
        loader=PackageLoader("crm_assets.monitoring", "templates"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    found.filters["plain"] = plain
    return found.get_template(name)
