"""Makes inputs out of sound ones: bytes changed, cut out, doubled, mixed; the same for the same seed.

Most archives, and formats that are archives, are changed inside: with their sums made anew, so that what reads the
members meets the change, and not only what unpacks them.
"""

import gzip
import io
import random
import zipfile
import zlib
from collections.abc import Iterator, Sequence

WORDS = (b"\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"9" * 30, b"-1", b"%s%n", b"<![CDATA[", b"]]>",
         b"\xef\xbb\xbf", b"\xed\xa0\x80", b"../", b"\r\n\r\n", b"{" * 500, b"\\u0000",
         "\u202e\u0301".encode())  # fmt: skip
"""Numbers at their ends, marks of formats, and halves of characters."""
LONGEST = 2_000_000
INSIDE = 0.8
"""Share of archives that are changed inside."""


KEPT = 200
"""Inputs that are changed further, beside the sound ones."""


def inputs(random_: random.Random, sound: list[bytes]) -> Iterator[bytes]:
    """Give changed inputs without end, drawn blindly; some of them are changed again."""
    pool: list[bytes] = []
    while True:
        again = pool and random_.random() < 0.3
        made = mutated(random_, random_.choice(pool if again else sound), random_.choice(sound))
        if random_.random() < 0.05:
            pool = [*pool[1 - KEPT :], made]
        yield made


def mutated(random_: random.Random, data: bytes, other: bytes) -> bytes:
    """Return `data` after some changes, parts of `other` among them."""
    if random_.random() < INSIDE:
        try:
            return _inside(random_, data) or _changed_bytes(random_, data, other)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError):
            pass  # an archive that was broken before
    return _changed_bytes(random_, data, other)


def _inside(random_: random.Random, data: bytes) -> bytes | None:
    """Return an archive with one member changed, None for what is no archive."""
    if data.startswith(b"\x1f\x8b"):
        plain = gzip.decompress(data)[:LONGEST]
        return gzip.compress(_changed_bytes(random_, plain, plain), 1, mtime=0)
    if not data.startswith(b"PK\x03\x04"):
        return None
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    chosen, made = random_.randrange(len(members)), io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number, (info, content) in enumerate(members):
            content = _changed_bytes(random_, content, random_.choice(members)[1]) if number == chosen else content
            archive.writestr(info, content)
    return made.getvalue()


def _changed_bytes(random_: random.Random, data: bytes, other: bytes) -> bytes:
    made = bytearray(data)
    for _ in range(random_.choice((1, 1, 2, 4, 16))):
        start = random_.randrange(len(made) + 1)
        length = min(random_.choice((1, 4, 64, 1_024)), len(made) - start)
        made[start : start + length] = random_.choice((_changed, _cut, _doubled, _word, _other))(
            random_, bytes(made[start : start + length]), other
        )
    return bytes(made[:LONGEST])


def _changed(random_: random.Random, part: bytes, other: Sequence[int]) -> bytes:
    return bytes(random_.randrange(256) if random_.random() < 0.3 else byte for byte in part)


def _cut(random_: random.Random, part: bytes, other: Sequence[int]) -> bytes:
    return b""


def _doubled(random_: random.Random, part: bytes, other: Sequence[int]) -> bytes:
    return part * random_.choice((2, 3, 100))


def _word(random_: random.Random, part: bytes, other: Sequence[int]) -> bytes:
    return part + random_.choice(WORDS)


def _other(random_: random.Random, part: bytes, other: Sequence[int]) -> bytes:
    start = random_.randrange(len(other) + 1)
    return bytes(other[start : start + random_.choice((4, 64, 1_024))])
