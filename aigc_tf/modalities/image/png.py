"""PNGs that say what made them (PNG, third edition, https://www.w3.org/TR/png-3/). Imports no TensorFlow."""

from __future__ import annotations

import struct
import zlib

TEXT_BEGINS = 33
"""The signature (8 bytes) and the header chunk (25 bytes) have the same size in every PNG; text may follow them."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def text_chunk(keyword: str, text: str) -> bytes:
    """A tEXt chunk with its check sum, ready to be put into any PNG; both strings must be Latin-1."""
    body = b"tEXt" + keyword.encode("latin-1") + b"\0" + text.encode("latin-1")
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def with_origin(file: bytes, origin: str) -> bytes:
    """A PNG that says where it comes from, as each of a model's does."""
    return file[:TEXT_BEGINS] + text_chunk("Source", origin) + file[TEXT_BEGINS:]


def chunks(file: bytes) -> list[tuple[bytes, bytes]]:
    """Types and data of a PNG's chunks, each checked against its CRC (section 5). ValueError for what is no PNG, or is
    cut off or damaged."""
    if not file.startswith(_SIGNATURE):
        raise ValueError(f"{file[:12]!r} does not begin like a PNG")
    found, at = [], len(_SIGNATURE)
    while at < len(file):
        if at + 12 > len(file):
            raise ValueError("the last chunk of the PNG is cut off")
        (length,) = struct.unpack_from(">I", file, at)
        kind, data = file[at + 4 : at + 8], file[at + 8 : at + 8 + length]
        if at + 12 + length > len(file):
            raise ValueError(f"the PNG's chunk {kind!r} is cut off")
        (crc,) = struct.unpack_from(">I", file, at + 8 + length)
        if crc != zlib.crc32(kind + data):
            raise ValueError(f"the CRC of the PNG's chunk {kind!r} is wrong")
        found.append((kind, data))
        at += 12 + length
    if [kind for kind, _ in found][-1:] != [b"IEND"]:
        raise ValueError("the PNG has no end")
    return found


def texts(file: bytes) -> str:
    """The text chunks of a PNG, a line each; ValueError as for `chunks`."""
    return "\n".join(data.decode("latin-1") for kind, data in chunks(file) if kind in (b"tEXt", b"iTXt"))
