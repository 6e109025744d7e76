"""Find the encoding of a text file, and turn its bytes into UTF-8."""

from __future__ import annotations

import codecs
import io
import re
import struct
from collections.abc import Iterator

import pyarrow as pa
from charset_normalizer import from_bytes

from crm_assets.errors import BadInputError

# The mark that some programs write first. The longer ones come first: UTF-32's begins with UTF-16's.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WESTERN = "cp1252"
# What spreadsheets of other languages write, the likelier first; charset-normalizer chooses among them.
ALPHABETS = ["cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256"]
OTHERS = [*ALPHABETS, "cp932", "gb18030", "big5", "cp949"]
CALLED = {"cp932": "Shift-JIS", "gb18030": "GB 18030", "big5": "Big5", "cp949": "EUC-KR"}
# Controls that text never has; a tab, a line end, a page break and the end mark of old files are harmless.
_BINARY = bytes(set(range(0x20)) - {0, *b"\t\n\x0b\x0c\r\x1a\x1b"})
_CHUNK = 1 << 20
_SAMPLE = 64 * 1024
_MANY = 0.2
_ALIKE = 0.02
_SMALL = 0xE0
_WORD = re.compile(r"[^\W\d_]*[^\W\d_\x00-\x7f][^\W\d_]*")
_SYMBOL_IN_WORD = re.compile(r"[£¥¤¦¬¯±¶¼½¾\xd7\xf7][^\W\d_]")


def as_utf8(name: str, data: bytes) -> tuple[bytes, str | None]:
    """Return the text of a file as UTF-8 without a mark, and the name of its encoding if it is another one.

    A file that is UTF-8 but for single broken bytes stays as it is: the reader names their place.

    Args:
        name: the file, for messages.
        data: its bytes.

    Raises:
        BadInputError: the bytes are no text.
    """
    encoding = _by_mark(data) or _by_nulls(data)
    if encoding is not None:
        return _decoded(name, data, encoding), encoding.upper()
    data = data.removeprefix(codecs.BOM_UTF8)
    if is_utf8(data):
        return data, None
    sample = _not_ascii(data)
    if _mostly_utf8(sample):
        return data, None
    if b"\0" in data or sample.translate(None, _BINARY) != sample:
        raise BadInputError(f"{name}, row 1: not UTF-8 text; save the file as CSV with the encoding UTF-8.")
    encoding = _single_byte(data, sample)
    return _decoded(name, data, encoding), CALLED.get(encoding, f"Windows-{encoding.removeprefix('cp')}")


def _by_mark(data: bytes) -> str | None:
    return next((encoding for mark, encoding in MARKS if data.startswith(mark)), None)


def _by_nulls(data: bytes) -> str | None:
    """Recognize UTF-16 without a mark: every other byte of Latin text is zero."""
    start = data[:_SAMPLE]
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) < _MANY * len(start) / 2 or min(even, odd) > max(even, odd) / 10:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def is_utf8(data: bytes) -> bool:
    """Return whether bytes are UTF-8, without a copy of them.

    >>> is_utf8("é".encode()), is_utf8("é".encode("cp1252"))
    (True, False)
    """
    ends = pa.py_buffer(struct.pack("=qq", 0, len(data)))
    try:
        pa.Array.from_buffers(pa.large_binary(), 1, [None, ends, pa.py_buffer(data)]).cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True


def _not_ascii(data: bytes) -> bytes:
    """Return the first lines that have other characters than ASCII."""
    found, size = [], 0
    for line in io.BytesIO(data):
        if not line.isascii():
            found.append(line)
            size += len(line)
            if size > _SAMPLE:
                break
    return b"".join(found)


def _mostly_utf8(sample: bytes) -> bool:
    """Return whether most characters that are not ASCII are valid UTF-8."""
    text = [sign for sign in sample.decode("utf-8", "surrogateescape") if not sign.isascii()]
    broken = sum("\udc80" <= sign <= "\udcff" for sign in text)
    return len(text) > 2 * broken


def _single_byte(data: bytes, sample: bytes) -> str:
    """Return the likeliest encoding of text that is not Unicode.

    It is Western unless the words of the text speak against it.
    """
    try:
        text = sample.decode(WESTERN)
        codecs.decode(data, WESTERN)
    except UnicodeDecodeError:
        text = ""
    letters = "".join(_WORD.findall(text))
    ascii_letters = sum(sign.isascii() for sign in letters)
    if text and 2 * ascii_letters >= len(letters) and not _SYMBOL_IN_WORD.search(text):
        return WESTERN
    # A word in another alphabet has no letter of ours; Central European words have many.
    # Small letters of an alphabet have high bytes; signs of East Asian words have any.
    other = [byte for byte in sample if byte > 0x7F]
    among = ALPHABETS if 2 * sum(byte >= _SMALL for byte in other) > len(other) else OTHERS
    preferred = among if ascii_letters > _MANY * len(letters) else [*among[1:], among[0]]
    chaos = {match.encoding: match.chaos for match in from_bytes(sample, cp_isolation=among)}
    found = [encoding for encoding in preferred if chaos.get(encoding, 1.0) <= min(chaos.values()) + _ALIKE]
    return found[0] if found else WESTERN


def _decoded(name: str, data: bytes, encoding: str) -> bytes:
    decoder = codecs.getincrementaldecoder(encoding)()
    whole = bytearray()
    try:
        for part in _parts(data):
            whole += decoder.decode(part).encode("utf-8")
        whole += decoder.decode(b"", final=True).encode("utf-8")
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise BadInputError(
            f"{name}: looks like {encoding.upper()}, but cannot be read as such; save the file as CSV with "
            "the encoding UTF-8."
        ) from error
    return bytes(whole).removeprefix(codecs.BOM_UTF8)


def _parts(data: bytes) -> Iterator[bytes]:
    return (data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK))
