"""Files that may be packed with gzip: one way to open them, and all that a damaged one raises."""

import gzip
import zlib
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from zlib_ng import zlib_ng

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

DAMAGED: Final = (EOFError, OSError, zlib.error)
"""What reading raises where a file is cut short, cannot be read, or is no gzip from some place on."""
PIECE: Final = 1 << 16
UNPACKED: Final = 1 << 18
"""Bytes of a file that are read at once, and that are unpacked at once."""
WITH_HEADER: Final = 31
"""Window bits by which zlib knows a gzip header, and checks the sum behind the data."""
_BROKEN: Final = cast("type[Exception]", zlib_ng.error)


def opened(path: Path) -> BufferedReader:
    """Open a file as the bytes that were packed into it; by its name it is gzip or plain.

    Raises:
        OSError: it is not there or may not be read.

    """
    return BufferedReader(_Members(path), UNPACKED) if path.suffix == ".gz" else path.open("rb")


class _Members(RawIOBase):
    """What the members of a gzip file hold, one behind the other: by zlib-ng, in a fifth of zlib's time.

    A place that is no gzip is read again by Python's own reader, which gives what stands before it to the last byte: of a
    small file that is damaged somewhere not one line would be left.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        self._member: Any = None
        self._given = 0
        self._slow: gzip.GzipFile | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, into: "WriteableBuffer") -> int:
        view = memoryview(into).cast("B")
        if self._slow is None:
            try:
                count = self._quickly(view)
            except _BROKEN:
                self._slow = gzip.open(self._path)  # noqa: SIM115 - closed with this one
                self._slow.seek(self._given)
            else:
                self._given += count
                return count
        return self._slow.readinto1(view)

    def _quickly(self, view: memoryview) -> int:
        while True:
            member = self._member
            if member is not None and not member.eof:
                packed = member.unconsumed_tail or self._file.read(PIECE)
                if not packed:
                    raise EOFError("the file ends before what was packed into it does")
            else:
                packed = (member.unused_data if member is not None else b"").lstrip(b"\0")
                while not packed:  # zeros may fill up a block behind a member
                    piece = self._file.read(PIECE)
                    if not piece:
                        return 0
                    packed = piece.lstrip(b"\0") if member is not None else piece
                member = self._member = zlib_ng.decompressobj(wbits=WITH_HEADER)
            data: bytes = member.decompress(packed, len(view))
            if data:
                view[: len(data)] = data
                return len(data)

    def close(self) -> None:
        self._file.close()
        if self._slow is not None:
            self._slow.close()
        super().close()
