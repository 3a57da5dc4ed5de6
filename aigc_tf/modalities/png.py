"""PNGs that say what made them (PNG, third edition, https://www.w3.org/TR/png-3/)."""

from __future__ import annotations

import struct
import zlib

import tensorflow as tf

# The signature (8 bytes) and the header chunk (25 bytes) have the same size in every PNG; text may follow them.
_TEXT_BEGINS = 33


def text_chunk(keyword: str, text: str) -> bytes:
    """A tEXt chunk with its check sum, ready to be put into any PNG; both strings must be Latin-1."""
    body = b"tEXt" + keyword.encode("latin-1") + b"\0" + text.encode("latin-1")
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def encode(images: tf.Tensor, chunk: bytes) -> tf.Tensor:
    """PNGs string [N] of uint8 images [N,H,W,C], each with `chunk` (of `text_chunk`, or empty) behind its header.

    A chunk that is the same for every image needs no check sum in the graph, where TensorFlow has no operation for it.
    """
    pngs = tf.io.encode_png(images)
    header = tf.strings.substr(pngs, 0, _TEXT_BEGINS)
    rest = tf.strings.substr(pngs, _TEXT_BEGINS, tf.int32.max)
    return tf.strings.join([header, chunk, rest])
