"""Nasty texts inside every format, and sound files with bytes changed: sound passages or one clear line, never less."""

import csv
import io
import json
import random
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from html import escape
from pathlib import Path

import pytest

from rag.core.errors import LoadError
from rag.loading import Source, load
from tests.journeys.test_nasty import broken_laws
from tests.loading.formats.made_files import MAKERS, article
from tests.nasty_files import prose


class Characters:
    """Counts three characters for a token: the laws hold for any count."""

    max_tokens = 256

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text) // 3 + 2 for text in texts]


def _html(random_: random.Random) -> bytes:
    tags = ["p", "div", "li", "h2", "td", "tr", "table", "b", "pre", "script", "span", "br", "ul", "nav", "article"]
    parts = []
    for _ in range(random_.randint(0, 40)):
        text = prose(random_, random_.randint(0, 4))
        tag = random_.choice(tags)
        close = f"</{random_.choice([tag, tag, tag, *tags])}>"
        parts.append(f"<{tag}>{escape(text) if random_.random() < 0.7 else text}{close}")
    return "".join(parts).encode(random_.choice(["utf-8", "utf-8", "utf-16", "cp1251"]), "replace")


def _csv(random_: random.Random) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=random_.choice(",;\t|"), lineterminator=random_.choice(["\n", "\r\n", "\r"]))
    writer.writerow(random_.choice([["a", "b"], ["text", "n"], ["_id", "title", "text"], [""], ["x"]]))
    for _ in range(random_.randint(0, 12)):
        writer.writerow([prose(random_, random_.randint(0, 3)) for _ in range(random_.randint(0, 4))])
    return out.getvalue().encode()


def _rst(random_: random.Random) -> bytes:
    pieces = (
        "=====\n", "Title\n=====\n", "-----\n", ".. note:: x\n", ".. a comment\n   more\n", "- item\n",
        "text::\n\n  x\n", "==== ===\n", "+---+---+\n| a | b |\n+===+===+\n", ":field: x\n", ".. |s| image:: y\n",
        "\n", "  ", "\x0c", "..\n",
    )  # fmt: skip
    count = random_.randint(0, 60)
    return "".join(
        random_.choice(pieces) if random_.random() < 0.6 else prose(random_, 2) for _ in range(count)
    ).encode()


def _json(random_: random.Random) -> bytes:
    rows = []
    for n in range(random_.randint(0, 9)):
        text = random_.choice([prose(random_, 5), "", 5, None, {"a": 1}])
        title = random_.choice([prose(random_, 1), None, 3, ["x"]])
        rows.append({"_id": random_.choice([n, None, "x", []]), "text": text, "title": title})
    return json.dumps(random_.choice([rows, {"rows": rows}, rows[:1], [rows], None, "x"])).encode()


def _eml(random_: random.Random) -> bytes:
    message = EmailMessage()
    message["Subject"] = " ".join(prose(random_, 1).split())
    message.set_content(prose(random_, random_.randint(0, 20)))
    if random_.random() < 0.5:
        message.add_attachment(
            _html(random_), "text", "html", filename=random_.choice(["a.html", "../x", "b.pdf", "ü.txt"])
        )
    return bytes(message)


def _rtf(random_: random.Random) -> bytes:
    signs = random_.choices(
        ["\\par ", "\\'e9", "\\u8364?", "{\\b x}", "\\", "{", "}", "word ", "\\tab ", "\\cell\\row "], k=99
    )
    return ("{\\rtf1\\ansi " + "".join(signs) + "}").encode()


def _zip(random_: random.Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for n, kind in enumerate(random_.sample(sorted(NASTY), 3)):
            archive.writestr(f"{random_.choice(['', '../', 'd/', '😀/'])}{n}{kind}", NASTY[kind](random_))
    return out.getvalue()


NASTY: dict[str, Callable[[random.Random], bytes]] = {
    ".html": _html, ".csv": _csv, ".rst": _rst, ".json": _json, ".eml": _eml, ".rtf": _rtf,
}  # fmt: skip
BINARY = ("pdf", "docx", "pptx", "xlsx", "epub", "zip", "tar.gz")


def nasty_format(seed: int, folder: Path) -> Path:
    """Write file number `seed`: nasty text in a format of text or in a ZIP, or a sound file with some bytes changed."""
    random_ = random.Random(seed)
    kind = random_.choice([*NASTY, ".zip", *BINARY])
    if kind not in BINARY:
        path = folder / f"nasty{kind}"
        path.write_bytes(NASTY[kind](random_) if kind in NASTY else _zip(random_))
        return path
    path = folder / f"changed.{kind}"
    MAKERS[kind](path, article(seed % 50))
    data = bytearray(path.read_bytes())
    for _ in range(random_.choice([1, 3, 30])):
        data[random_.randrange(len(data))] = random_.randrange(256)
    path.write_bytes(data)
    return path


def outcome(seed: int, folder: Path) -> Counter[str]:
    path = nasty_format(seed, folder)
    counts: Counter[str] = Counter()
    for item in load(Source(path, path.name)):
        if isinstance(item, LoadError):
            assert path.name in item.message and item.remedy and "\n" not in str(item), f"seed {seed}: {item}"
            counts[type(item).__name__] += 1
        else:
            assert item.text.strip(), f"seed {seed}: a document without text"
            wrong = broken_laws(item, Characters())  # type: ignore[arg-type]
            assert not wrong, f"seed {seed}: {wrong[:3]}"
            counts["sound"] += 1
    return counts


@pytest.mark.thorough
def test_a_hundred_nasty_files_of_the_formats_become_sound_passages_or_clear_errors(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    for seed in range(100):
        counts += outcome(seed, tmp_path)
    assert counts["sound"] > 50 and counts["UnreadableSource"] > 10


@pytest.mark.slow
def test_five_thousand_nasty_files_of_the_formats_become_sound_passages_or_clear_errors(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    for seed in range(200, 5_200):
        counts += outcome(seed, tmp_path)
    sys.stderr.write(f"\n5,000 nasty files of the formats: {dict(counts)}\n")
    assert counts["sound"] > 2_500
