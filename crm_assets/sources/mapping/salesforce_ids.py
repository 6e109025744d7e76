"""Salesforce's ids: 15 characters whose case matters, and three more that repeat their case."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_SHORT = r"^[A-Za-z0-9]{15}$"
_LONG = r"^[A-Za-z0-9]{15}[A-Z0-5]{3}$"
# Each sign stands for which of five characters are capitals.
_SIGNS = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", dtype="uint8")
_BITS = np.array([1, 2, 4, 8, 16])


def short_ids(ids: pa.Array, *, certain: bool) -> pa.Array:
    """Return ids of 18 characters without the last three.

    Args:
        ids: shape (n,), strings.
        certain: whether the ids are Salesforce's. If not, the last three characters must prove it.
    """
    is_long = pc.fill_null(pc.match_substring_regex(ids, _LONG), False)
    if not pc.any(is_long).as_py():
        return ids
    if not certain:
        found = is_long.to_numpy(zero_copy_only=False).copy()
        signs = _bytes(ids.filter(is_long), 18)
        found[found] = (_check_signs(signs[:, :15]) == signs[:, 15:]).all(axis=1)
        is_long = pa.array(found)
    return pc.if_else(is_long, pc.utf8_slice_codeunits(ids, 0, 15), ids)


def long_ids(ids: pa.Array) -> pa.Array:
    """Return ids of 15 characters with the three that repeat their case.

    >>> long_ids(pa.array(["006q000000Hddoh", "006q000000HddohAAB", "x", None])).to_pylist()
    ['006q000000HddohAAB', '006q000000HddohAAB', 'x', None]
    """
    is_short = pc.fill_null(pc.match_substring_regex(ids, _SHORT), False)
    if not pc.any(is_short).as_py():
        return ids
    short = ids.filter(is_short)
    ends = _check_signs(_bytes(short, 15)).tobytes().decode()
    long = [one + ends[3 * at : 3 * at + 3] for at, one in enumerate(short.to_pylist())]
    return pc.replace_with_mask(ids, is_short, pa.array(long, pa.string()))


def _bytes(ids: pa.Array, length: int) -> np.ndarray:
    return np.array(ids.to_pylist(), dtype=f"S{length}").view("uint8").reshape(-1, length)


def _check_signs(signs: np.ndarray) -> np.ndarray:
    """Return the three signs that repeat the case of 15: shape (n, 3).

    Source: "18-character record IDs" in Salesforce's documentation.
    """
    capitals = (signs >= ord("A")) & (signs <= ord("Z"))
    return _SIGNS[capitals.reshape(-1, 3, 5) @ _BITS]
