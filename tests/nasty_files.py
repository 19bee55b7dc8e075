"""Makes files that break careless text code, the same ones for the same seed: each a suffix and the file's bytes."""

import json
import random
from collections.abc import Callable

SENTENCES = (
    "The river rose by four metres in one night. ",
    "Dr. K. O'Neill (b. 1954) paid $3.50 for it, i.e. too much… ",
    "“Who knows?” she asked. “Nobody,” he said. ",
    "Die Straße war naß, und das Café schloß um 17:30 Uhr. ",
    "قالت الوزيرة إن الاتفاق سيوقع غدا. هل هذا صحيح؟ نعم! ",
    "שלום עולם, זה משפט קצר. ועוד אחד. ",
    "Это предложение по-русски. А это второе! ",
    "東京は日本の首都です。人口は約千四百万人。 ",
    "ประเทศไทยมีประชากรเจ็ดสิบล้านคน ",
    "यह एक वाक्य है। यह दूसरा है। ",
    "Family 👨‍👩‍👧‍👦, flag 🇦🇲, thumbs 👍🏽, heart ❤️, keycap 1️⃣. ",
    "e\u0301a\u0308o\u0302\u0323 n\u0303 combining marks, decomposed. ",
    "\u202eright to left override\u202c and \u2067isolate\u2069 and \u200fmark\u200f. ",
    "Non\u00a0breaking\u00a0spaces\u202fand\u2009thin ones.\u3000Ideographic. ",
    "soft\u00adhyphen zero\u200bwidth\u200cjoiner\u200d word\u2060joiner \ufeff. ",
    "NUL \x00 and bell \x07 and escape \x1b[31m and delete \x7f. ",
    "Private \ue000, non-character \ufffe\uffff, astral \U0001f9ff\U00020000\U0010ffff, replaced \ufffd. ",
    "<img src=x onerror=alert(1)> & <script>alert('x')</script>. ",
    "Subscribe to our newsletter. ",
    "© 2023 Some Publisher. All rights reserved. ",
    "Leave a Reply ",
    "a.b.c...d!!!e???f;;; ,,, --- ___ *** ",
    "https://example.org/a/very/long/path?with=query&and=more#fragment ",
)
SEPARATORS = (
    "\n",
    "\r\n",
    "\r",
    "\n\n",
    "\r\n\r\n",
    "\r\r",
    "\x0b",
    "\x0c",
    "\x85",
    "\u2028",
    "\u2029",
    "\x1c",
    "",
    " \n \t\n",
    "\n\r",
)
BLANKS = ("", " ", "\n", "\r\n\r\n", "\x0c", "\u00a0", "\u3000\u2028", "\ufeff", "\t" * 50, "\x1c\x1d\x1e\x1f\x85")
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "cp1251", "shift_jis", "gb18030")
MEGABYTE = 1_000_000


def nasty_file(seed: int) -> tuple[str, bytes]:
    """Return the suffix and the bytes of file number `seed`; about one in 150 is a megabyte in one line."""
    random_ = random.Random(seed)
    make = random_.choices([kind for kind, _ in KINDS], [weight for _, weight in KINDS])[0]
    return make(random_)


def prose(random_: random.Random, sentences: int, separator: str | None = None) -> str:
    """Return sentences of many scripts in paragraphs."""
    parts = []
    for _ in range(sentences):
        parts.append(random_.choice(SENTENCES))
        if random_.random() < 0.3:
            parts.append(random_.choice(SEPARATORS) if separator is None else separator)
    return "".join(parts)


def _mixed(random_: random.Random) -> tuple[str, bytes]:
    return random_.choice([".txt", ".md"]), prose(random_, random_.randint(1, 80)).encode()


def _one_line_end(random_: random.Random) -> tuple[str, bytes]:
    return ".txt", prose(random_, random_.randint(5, 120), random_.choice(SEPARATORS)).encode()


def _unspaced(random_: random.Random) -> tuple[str, bytes]:
    alphabet = random_.choice(
        ["abcdefghij", "字漢語中文日本", "กขคงจฉชซ", "👍🏽🇦🇲👨‍👩‍👧", "\u0301\u0323x", "0123456789", "=", "\x00", "_"]
    )
    return ".txt", "".join(random_.choices(alphabet, k=random_.randint(1, 12_000))).encode()


def _repeated(random_: random.Random) -> tuple[str, bytes]:
    line = prose(random_, random_.randint(1, 3), "")
    return random_.choice([".txt", ".md"]), ((line + random_.choice(SEPARATORS)) * random_.randint(2, 300)).encode()


def _megabyte(random_: random.Random) -> tuple[str, bytes]:
    unit = random_.choice([*SENTENCES, "x", "word ", "字", "a\u0301", "👍🏽 ", "No end here, just commas, "])
    return random_.choice([".txt", ".md"]), (unit * (MEGABYTE // len(unit.encode()) + 1)).encode()[:MEGABYTE].decode(
        errors="ignore"
    ).encode()


def _zalgo(random_: random.Random) -> tuple[str, bytes]:
    marks = [chr(code) for code in range(0x300, 0x370)]
    letters = ("".join([letter, *random_.choices(marks, k=random_.randint(0, 40))]) for letter in prose(random_, 4))
    return ".txt", "".join(letters).encode()


def _any_characters(random_: random.Random) -> tuple[str, bytes]:
    codes = (
        random_.choice([random_.randrange(0x80), random_.randrange(0x3000), random_.randrange(0x110000)])
        for _ in range(random_.randint(1, 3_000))
    )
    return random_.choice([".txt", ".md"]), "".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000).encode()


def _blank(random_: random.Random) -> tuple[str, bytes]:
    return random_.choice([".txt", ".md"]), (random_.choice(BLANKS) * random_.randint(0, 30)).encode()


def _bytes(random_: random.Random) -> tuple[str, bytes]:
    return random_.choice([".txt", ".md", ".jsonl"]), random_.randbytes(random_.randint(0, 4_000))


def _encoded(random_: random.Random) -> tuple[str, bytes]:
    data = prose(random_, random_.randint(1, 40)).encode(random_.choice(ENCODINGS), "replace")
    return random_.choice([".txt", ".md"]), data if random_.random() < 0.8 else data[: random_.randint(0, len(data))]


def _markdown(random_: random.Random) -> tuple[str, bytes]:
    pieces = (
        "---\ntitle: x\ntags: [a, b]\n---\n", "---\nnever closed: yes\n", "# Heading\n", "###### Deep\n\n",
        "#No space\n", "Setext\n===\n", "Other\n---\n", "```python\nprint('never closed')\n", "```\ncode\n```\n",
        "~~~\n\n\n~~~\n", "| a | b |\n|---|---|\n| 1 | 2 |\n", "|||\n|-|\n",
        "- item\n  - inner\n", "1. one\n2) two\n", "> quote\n> more\n",
        "<!-- hidden\n\nstill -->\n", "    indented code\n", "***\n", '![alt](x.png "title")\n', "[link](<a b>)\n",
        "#" * 300 + " x\n", "# " + "long heading " * 200 + "\n", "\n", "\r\n", "-" * 500 + "\n", "`" * 99 + "\n",
        "* " * 400 + "\n",
    )  # fmt: skip
    parts = (
        random_.choice(pieces) if random_.random() < 0.6 else prose(random_, 2) for _ in range(random_.randint(1, 60))
    )
    return ".md", "".join(parts).encode()


def _headed(random_: random.Random) -> tuple[str, bytes]:
    lines = (
        random_.choice(["A Short Heading", "Chapter 12", "x", "Über uns", "第一章", prose(random_, 3, " ")])
        for _ in range(random_.randint(2, 60))
    )
    return ".txt", random_.choice(["\n\n", "\r\n\r\n", "\n\n\n\n", "\r\r"]).join(lines).encode()


def _rows(random_: random.Random) -> tuple[str, bytes]:
    rows: list[bytes] = []
    for number in range(random_.randint(0, 12)):
        row = {
            "_id": f"row {number}",
            "title": prose(random_, 1),
            "text": prose(random_, random_.randint(0, 20)),
            "n": [number, None],
        }
        broken = (
            b"{",
            b"[]",
            b'{"_id": 1}',
            b"\xff\xfe",
            b'{"_id": "a", "text": "\\ud800"}',
            b"",
            b"nul",
            b"[" * 5_000,
        )
        rows.append(
            json.dumps(row, ensure_ascii=random_.random() < 0.5).encode()
            if random_.random() < 0.8
            else random_.choice(broken)
        )
    return ".jsonl", b"\n".join(rows)


KINDS: list[tuple[Callable[[random.Random], tuple[str, bytes]], float]] = [
    (_mixed, 20), (_one_line_end, 15), (_unspaced, 10), (_repeated, 10), (_megabyte, 0.7), (_zalgo, 5),
    (_any_characters, 8), (_blank, 4), (_bytes, 5), (_encoded, 8), (_markdown, 10), (_headed, 6), (_rows, 6),
]  # fmt: skip
