"""How large an Arrow file becomes once unpacked, by its flatbuffers: pyarrow itself tells it only after unpacking.

    Footer       version, schema, dictionaries: [block], batches: [block]; a block is offset, length of the message's
                 metadata, length of its body
    Message      version, kind, header, length of its body
    RecordBatch  rows, nodes: [length, nulls], buffers: [offset, length], compression
    Dictionary   id, batch

A compressed buffer begins with its size. Damaged ones raise struct.error or ValueError.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

CELL = 8  # bytes, at the least, for a value once it is unpacked
PAIR, BLOCK = "<qq", "<qi4xq"


def blocks(data: bytes) -> Iterator[Any]:
    """The messages that the table of contents at the end of an Arrow file lists."""
    import pyarrow as pa

    if not data.endswith(b"ARROW1"):
        raise ValueError("its end is lost")
    length = struct.unpack_from("<i", data, len(data) - 10)[0]
    if not 0 < length <= len(data) - 20:
        raise ValueError("its table of contents is lost")
    about = memoryview(data)[len(data) - 10 - length : len(data) - 10]
    footer = _follow(about, 0)
    for number in (2, 3):
        for offset, before, body in _vector(about, _field(about, footer, number), BLOCK):
            if offset < 0 or before < 0 or body < 0 or offset + before + body > len(data):
                raise ValueError("its table of contents points past its end")
            yield pa.ipc.read_message(pa.py_buffer(data).slice(offset, before + body))


def unpacked(message: Any) -> int:
    """The bytes that a message takes once unpacked."""
    if message.type not in ("record batch", "dictionary"):
        return 0
    about, body = memoryview(message.metadata), memoryview(message.body)
    batch = _follow(about, _field(about, _follow(about, 0), 2))
    if message.type == "dictionary":
        batch = _follow(about, _field(about, batch, 1))
    total = sum(CELL * max(length, 0) for length, _ in _vector(about, _field(about, batch, 1), PAIR))
    packed = _field(about, batch, 3)
    for offset, length in _vector(about, _field(about, batch, 2), PAIR):
        total += max(struct.unpack_from("<q", body, offset)[0], 0) if packed and length >= CELL else 0
    return total


def _field(about: memoryview, table: int, number: int) -> int:
    """Where a field of a flatbuffer's table lies; 0 when it is left out."""
    slots = table - struct.unpack_from("<i", about, table)[0]
    where = 4 + 2 * number
    if slots < 0 or where + 2 > struct.unpack_from("<H", about, slots)[0]:
        return 0
    offset = struct.unpack_from("<H", about, slots + where)[0]
    return table + offset if offset else 0


def _follow(about: memoryview, place: int) -> int:
    return place + struct.unpack_from("<I", about, place)[0]


def _vector(about: memoryview, place: int, form: str) -> list[tuple[int, ...]]:
    """The structs of a flatbuffer's vector."""
    if not place:
        return []
    start = _follow(about, place)
    count = struct.unpack_from("<I", about, start)[0]
    stop = start + 4 + struct.calcsize(form) * count
    if stop > len(about):
        raise ValueError("a list of it points past its end")
    return list(struct.iter_unpack(form, about[start + 4 : stop]))
