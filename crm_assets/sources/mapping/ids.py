"""Ids of records in the forms in which they compare equal.

Salesforce's have 15 characters whose case matters, and three more that repeat their case.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# The first of several ids; a whole number without decimals; a GUID without braces.
_ID_FORMS = ((r"\s*;.*$", ""), (r"^(\d+)\.0+$", r"\1"), (r"^\{([0-9A-Fa-f-]{36})\}$", r"\1"))
_GUID = r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
_SHORT = r"^[A-Za-z0-9]{15}$"
_LONG = r"^[A-Za-z0-9]{15}[A-Z0-5]{3}$"
# Each sign stands for which of five characters are capitals.
_SIGNS = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", dtype="uint8")
_BITS = np.array([1, 2, 4, 8, 16])


def id_forms(keys: pa.Array, kind: str = "text") -> pa.Array:
    """Return ids in the form in which they compare equal to other spellings of them.

    Programs write whole numbers as decimals and put braces around GUIDs; a field of several ids counts by the
    first. Of Salesforce's ids of 18 characters the last three only repeat the case of the others: where they
    do, the id is one of Salesforce's, whether the mapping says so or not.

    >>> id_forms(pa.array(["17.0", "{6FA459EA-EE8A-3CA4-894E-DB77E160355E}", "9001;9002"])).to_pylist()
    ['17', '6fa459ea-ee8a-3ca4-894e-db77e160355e', '9001']
    >>> id_forms(pa.array(["006q000000HddohAAB", "006q000000Hddoh"]), "salesforce").to_pylist()
    ['006q000000Hddoh', '006q000000Hddoh']
    >>> id_forms(pa.array(["006q000000HddohAAB", "006q000000HddohZZZ"])).to_pylist()
    ['006q000000Hddoh', '006q000000HddohZZZ']
    """
    for pattern, form in _ID_FORMS:
        keys = pc.replace_substring_regex(keys, pattern, form)
    guids = pc.fill_null(pc.match_substring_regex(keys, _GUID), False)
    if pc.any(guids).as_py():
        keys = pc.if_else(guids, pc.utf8_lower(keys), keys)
    return short_ids(keys, certain=kind == "salesforce")


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
