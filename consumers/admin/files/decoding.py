"""Read the bytes of a text file as text, and name the encoding that they are in."""

import codecs
from dataclasses import dataclass

ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "cp1252": "Windows-1252",
    "cp1250": "Windows-1250",
    "cp1251": "Windows-1251",
    "cp1253": "Windows-1253",
    "cp1254": "Windows-1254",
    "cp1257": "Windows-1257",
    "mac-roman": "Mac OS Roman",
}
"""The encodings in which spreadsheets save CSV files, with their names."""

ENCODING_REGIONS = {
    "cp1252": "Western Europe",
    "cp1250": "Central Europe",
    "cp1251": "Cyrillic",
    "cp1253": "Greek",
    "cp1254": "Turkish",
    "cp1257": "Baltic",
}

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 1_000


@dataclass(frozen=True, kw_only=True)
class DecodedText:
    """The text of a file, and the name of the encoding that it was read in."""

    text: str
    encoding: str


def decode_text(content: bytes, encoding: str = "") -> DecodedText:
    """Decode a file in the given encoding of ``ENCODINGS``, or recognise it.

    A byte order mark decides, then valid UTF-8, then the zero bytes of UTF-16; anything else is read as Windows-1252,
    in which spreadsheets of Western Europe save "CSV". The other code pages cannot be told from it by their bytes.

    Raises:
        UnicodeDecodeError: the file is not in this encoding.
    """
    encoding = encoding or _recognise_encoding(content)
    text = content.decode(_codec(content, encoding))
    return DecodedText(text=text.removeprefix("\ufeff"), encoding=ENCODINGS[encoding])


def _recognise_encoding(content: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return encoding
    if _zero_bytes(content) is not None:
        return "utf-16"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _codec(content: bytes, encoding: str) -> str:
    """Return the codec: UTF-16 without a mark says its byte order by where its zero bytes are."""
    if encoding != "utf-16" or content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return encoding
    return "utf-16-be" if _zero_bytes(content) == 0 else "utf-16-le"


def _zero_bytes(content: bytes) -> int | None:
    """Return whether a sample's zero bytes, those of Latin letters in UTF-16, come first (0) or second (1)."""
    sample = content[:_SAMPLE_BYTES]
    pairs = len(sample) // 2
    for position in (0, 1):
        if pairs and sample[position::2][:pairs].count(0) * 2 > pairs:
            return position
    return None
