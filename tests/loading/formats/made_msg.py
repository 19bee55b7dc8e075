"""Writes small Outlook messages (MSG): compound files with the properties of a message as their streams."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from struct import pack

SECTOR, MINI_SECTOR, CUTOFF = 512, 64, 4_096
END, FREE, NO_ENTRY = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFF
Tree = Mapping[str, "bytes | Tree"]


@dataclass
class _Writer:
    """A compound file in the making: sectors, their chains, and the entries of the directory."""

    sectors: list[bytes] = field(default_factory=list)
    chain: list[int] = field(default_factory=list)
    minis: bytearray = field(default_factory=bytearray)
    mini_chain: list[int] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=list)

    def put(self, data: bytes) -> int:
        """Store bytes in sectors and return the first."""
        pieces = [data[i : i + SECTOR].ljust(SECTOR, b"\0") for i in range(0, len(data), SECTOR)]
        return self._chained(self.chain, len(pieces), lambda: self.sectors.extend(pieces))

    def put_mini(self, data: bytes) -> int:
        padded = data.ljust(-(-len(data) // MINI_SECTOR) * MINI_SECTOR, b"\0")
        return self._chained(self.mini_chain, len(padded) // MINI_SECTOR, lambda: self.minis.extend(padded))

    @staticmethod
    def _chained(chain: list[int], count: int, store: object) -> int:
        first = len(chain)
        chain += [*range(first + 1, first + count), END][:count]
        assert callable(store)
        store()
        return first if count else END

    def add(self, tree: Tree) -> int:
        """Add the entries of a storage as a list, each the right sibling of the one before, and return the first."""
        numbers = list(range(len(self.entries), len(self.entries) + len(tree)))
        self.entries += [b""] * len(tree)
        for number, after, (name, value) in zip(numbers, [*numbers[1:], NO_ENTRY], tree.items(), strict=True):
            if isinstance(value, bytes):
                start = self.put(value) if len(value) >= CUTOFF else self.put_mini(value)
                self.entries[number] = entry(name, 2, after, NO_ENTRY, start, len(value))
            else:
                self.entries[number] = entry(name, 1, after, self.add(value), 0, 0)
        return numbers[0] if numbers else NO_ENTRY


def entry(name: str, kind: int, right: int, child: int, start: int, size: int) -> bytes:
    encoded = name.encode("utf-16-le") + b"\0\0"
    head = encoded.ljust(64, b"\0") + pack("<HBB", len(encoded), kind, 1)
    return head + pack("<III", NO_ENTRY, right, child) + bytes(36) + pack("<IQ", start, size)


def compound_file(tree: Tree) -> bytes:
    """Return a compound file with these storages and streams."""
    writer = _Writer(entries=[b""])
    child = writer.add(tree)
    mini_start = writer.put(bytes(writer.minis))
    writer.entries[0] = entry("Root Entry", 5, NO_ENTRY, child, mini_start, len(writer.minis))
    mini_chain = b"".join(pack("<I", number) for number in writer.mini_chain)
    mini_fat = writer.put(mini_chain)
    directory = writer.put(b"".join(writer.entries))
    fat_sectors = 1
    while (len(writer.chain) + fat_sectors) * 4 > fat_sectors * SECTOR:
        fat_sectors += 1
    first = len(writer.chain)
    chain = [*writer.chain, *[0xFFFFFFFD] * fat_sectors]
    fat = b"".join(pack("<I", number) for number in chain).ljust(fat_sectors * SECTOR, b"\xff")
    places = [*range(first, first + fat_sectors), *[FREE] * (109 - fat_sectors)]
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += pack("<IIIIIIIII", 0, fat_sectors, directory, 0, CUTOFF, mini_fat, -(-len(mini_chain) // SECTOR), END, 0)
    return head + pack("<109I", *places) + b"".join(writer.sectors) + fat


def message(
    texts: Mapping[int, str], html: bytes = b"", rtf: bytes = b"", sent: datetime | None = None,
    attachments: Mapping[str, "bytes | Tree"] | None = None, is_embedded: bool = False, code_page: int = 0,
) -> dict[str, "bytes | Tree"]:  # fmt: skip
    """Return the storage of a message: its texts by their tags, its other bodies, and files by their names."""
    table = bytes(24 if is_embedded else 32)
    if sent is not None:
        ticks = int((sent - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000
        table += pack("<IIQ", 0x00390040, 0, ticks)
    if code_page:
        table += pack("<IIII", 0x3FDE0003, 0, code_page, 0)
    tree: dict[str, bytes | Tree] = {"__properties_version1.0": table}
    for tag, text in texts.items():
        kind, data = ("001E", text.encode(f"cp{code_page}")) if code_page else ("001F", text.encode("utf-16-le"))
        tree[f"__substg1.0_{tag:04X}{kind}"] = data
    for tag, data in ((0x1013, html), (0x1009, rtf)):
        if data:
            tree[f"__substg1.0_{tag:04X}0102"] = data
    for number, (name, content) in enumerate((attachments or {}).items()):
        kind = "0102" if isinstance(content, bytes) else "000D"
        names = {"__substg1.0_3707001F": name.encode("utf-16-le"), f"__substg1.0_3701{kind}": content}
        tree[f"__attach_version1.0_#{number:08X}"] = {"__properties_version1.0": bytes(8), **names}
    return tree


def plain_rtf(rtf: bytes) -> bytes:
    """Return a body of rich text, marked as not compressed."""
    return pack("<II", len(rtf) + 12, len(rtf)) + b"MELA" + bytes(4) + rtf
