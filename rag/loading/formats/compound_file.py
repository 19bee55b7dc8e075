"""Reads the storages and streams of compound files (OLE): Outlook messages, and Office documents of before 2007.

Every number of the file is checked before it is used, so a damaged file ends in a ValueError, and never in a loop.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from struct import error as StructError
from struct import unpack_from

COMPOUND_FILE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MAX_STREAMS = 100_000
"""Storages and streams of one file."""
_LAST_SECTOR = 0xFFFFFFFA
"""Numbers from here on are no sectors: free, end of a chain."""
_NO_ENTRY = 0xFFFFFFFF
_HEADER_FAT_SECTORS = 109
_STORAGE, _STREAM, _ROOT = 1, 2, 5


@dataclass(frozen=True)
class _Entry:
    name: str
    kind: int
    siblings: tuple[int, int]
    child: int
    start: int
    size: int


class CompoundFile:
    """The streams of a compound file by their paths, such as `__attach_version1.0_#00000000/__substg1.0_37010102`."""

    def __init__(self, data: bytes) -> None:
        """Read the table of contents. Raises ValueError if the bytes are no sound compound file."""
        if not data.startswith(COMPOUND_FILE_MARK) or len(data) < 512:
            raise ValueError("no compound file")
        self._data = data
        shift, mini_shift = unpack_from("<HH", data, 0x1E)
        if shift not in (9, 12) or mini_shift != 6:
            raise ValueError("sectors of an unknown size")
        self._sector_bytes, self._mini_bytes = 1 << shift, 1 << mini_shift
        try:
            self._cutoff = unpack_from("<I", data, 0x38)[0]
            self._fat = self._table(list(self._fat_sectors()))
            self._entries = self._directory(unpack_from("<I", data, 0x30)[0])
            mini_start = unpack_from("<I", data, 0x3C)[0]
            self._mini_fat = self._table(list(self._chain(mini_start, self._fat, len(self._fat))))
        except StructError as error:
            raise ValueError(str(error)) from None
        self.streams = dict(self._walk())

    def read(self, path: str) -> bytes:
        """Return the bytes of a stream. Raises KeyError if there is none, ValueError if it is cut off."""
        entry = self.streams[path]
        if entry.size >= self._cutoff:
            return self._bytes(entry)
        count = -(-entry.size // self._mini_bytes)
        sectors = self._chain(entry.start, self._mini_fat, count)
        stream, size = self._mini_stream, self._mini_bytes
        return b"".join(stream[i * size : (i + 1) * size] for i in sectors)[: entry.size]

    @cached_property
    def _mini_stream(self) -> bytes:
        return self._bytes(self._entries[0])

    def _bytes(self, entry: _Entry) -> bytes:
        count = -(-entry.size // self._sector_bytes)
        if count > len(self._data) // self._sector_bytes + 1:
            raise ValueError("a stream that is longer than its file")
        return b"".join(self._sector(i) for i in self._chain(entry.start, self._fat, count))[: entry.size]

    def _sector(self, number: int) -> bytes:
        start = (number + 1) * self._sector_bytes
        return self._data[start : start + self._sector_bytes]

    def _chain(self, start: int, table: tuple[int, ...], count: int) -> Iterator[int]:
        """Yield at most `count` sectors of a chain: a damaged one may run in a circle."""
        number = start
        for _ in range(count):
            if number >= _LAST_SECTOR:
                return
            if number >= len(table):
                raise ValueError("a chain that leaves the file")
            yield number
            number = table[number]

    def _fat_sectors(self) -> Iterator[int]:
        """Yield the sectors of the table of chains; the header names the first of them."""
        most = len(self._data) // self._sector_bytes + 1
        numbers = unpack_from(f"<{_HEADER_FAT_SECTORS}I", self._data, 0x4C)
        yield from (number for number in numbers if number < _LAST_SECTOR)
        more, per_sector = unpack_from("<I", self._data, 0x44)[0], self._sector_bytes // 4
        for _ in range(most):
            if more >= _LAST_SECTOR:
                return
            *numbers_of_sector, more = unpack_from(f"<{per_sector}I", self._sector(more))
            yield from (number for number in numbers_of_sector if number < _LAST_SECTOR)

    def _table(self, sectors: list[int]) -> tuple[int, ...]:
        if len(sectors) > len(self._data) // self._sector_bytes + 1:
            raise ValueError("a table that is longer than its file")
        data = b"".join(map(self._sector, sectors))
        return unpack_from(f"<{len(data) // 4}I", data)

    def _directory(self, start: int) -> list[_Entry]:
        sectors = self._chain(start, self._fat, len(self._fat))
        data = b"".join(map(self._sector, sectors))
        entries = [_entry(data, offset) for offset in range(0, min(len(data), 128 * MAX_STREAMS) - 127, 128)]
        if not entries or entries[0].kind != _ROOT:
            raise ValueError("no root storage")
        return entries

    def _walk(self) -> Iterator[tuple[str, _Entry]]:
        """Yield each stream with its path."""
        pending, visited = [(self._entries[0].child, "")], set[int]()
        while pending:
            number, folder = pending.pop()
            if number == _NO_ENTRY or number in visited or number >= len(self._entries):
                continue
            visited.add(number)
            entry = self._entries[number]
            pending += [(sibling, folder) for sibling in entry.siblings]
            if entry.kind == _STORAGE:
                pending.append((entry.child, f"{folder}{entry.name}/"))
            elif entry.kind == _STREAM:
                yield folder + entry.name, entry


def _entry(data: bytes, offset: int) -> _Entry:
    length, kind = unpack_from("<HB", data, offset + 64)
    name = data[offset : offset + max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
    left, right, child = unpack_from("<III", data, offset + 68)
    start, size = unpack_from("<IQ", data, offset + 116)
    return _Entry(name, kind, (left, right), child, start, size)
