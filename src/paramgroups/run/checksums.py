"""A checksum that is found as fast as bytes are read."""

import zlib

import numpy as np

PIECE = 2**20
"""How many bytes are summed up, and read or written, at once: few enough to stay in the cache."""

COLUMNS = 1021
"""A prime, so that sectors and pages which change places come into other columns."""

ROW = 8 * COLUMNS


def checksum(piece: memoryview, before: int = 0) -> int:
    """The checksum of a piece, and of the pieces before it.

    The piece is laid out in rows of 1,021 words of 64 bits; the CRC-32 is of how many bytes these are, of
    the sums of their columns, mod 2^64, and of the bytes after the last whole row. Whatever changes one word,
    or one sector, changes a sum. A CRC-32 of all bytes takes ten times as long, and longer than to read them.

    Args:
        piece: At most `PIECE` bytes; as many in each but the last.
        before: The checksum of the pieces before it.

    Example:
        >>> checksum(memoryview(b"moments")) == zlib.crc32(b"moments")
        True
    """
    rows = len(piece) // ROW * ROW
    if rows:
        words = np.frombuffer(piece[:rows], "<u8").reshape(-1, COLUMNS)
        sums = np.add.reduce(words, axis=0).astype("<u8").tobytes()
        before = zlib.crc32(sums, zlib.crc32(rows.to_bytes(4, "little"), before))
    return zlib.crc32(piece[rows:], before)
