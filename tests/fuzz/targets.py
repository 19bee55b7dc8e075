"""What is fuzzed: each target checks one input, and gives sound ones to begin with."""

import functools
import io
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from rag.answering.assistant import Assistant
from rag.core.errors import LoadError, RagError
from rag.index.filters import conditions, from_pairs
from rag.index.index import Index
from rag.loading import Source, load
from rag.loading.formats.paged.pictures import pictures
from rag.loading.pages.pdf_pages import file_state
from rag.loading.pages.picture_pages import answer_page
from tests import ROOT
from tests.journeys.test_nasty import broken_laws
from tests.loading.formats.made_files import MAKERS, article
from tests.loading.formats.made_msg import Tree, compound_file, message, plain_rtf
from tests.loading.formats.test_nasty_formats import Characters
from tests.nasty_files import nasty_file, prose

SEEDS = ROOT / "seeds"
EXAMPLES = 6
Check = Callable[[bytes], None]


def checks(name: str) -> Check:
    """Return what checks one input of a target; it raises where something is wrong. Raises KeyError."""
    return {"question": _question, "filter": _filter, "picture": _picture}.get(name) or functools.partial(
        _file, f".{name.lstrip('.')}"
    )


def names() -> list[str]:
    """Return the targets: a loader for each kind of file, and what people type."""
    return [*(f".{kind}" for kind in MAKERS), ".msg", "question", "filter", "picture"]


def examples(name: str) -> list[bytes]:
    """Return sound inputs of a target."""
    random_ = random.Random(name)
    if name == "question":
        return [f"Why did {prose(random_, 2)}?".encode() for _ in range(EXAMPLES)]
    if name == "filter":
        return [b"author=Reuters\npublished_at>=2024-03", b"tags=a\ntags=b\npath=*x*", b"n<5\nn>=1e3"]
    if name == "picture":
        return [_drawn(number) for number in range(EXAMPLES)]
    if name == ".msg":
        return [_outlook_message(number) for number in range(EXAMPLES)]
    made = [_made(name.lstrip("."), number) for number in range(EXAMPLES)]
    return [*made, *(data for suffix, data in map(nasty_file, range(60)) if suffix == name)]


def _made(kind: str, number: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"made.{kind}"
        MAKERS[kind](path, article(number))
        return path.read_bytes()


def _outlook_message(number: int) -> bytes:
    texts = {0x37: f"Subject {number}", 0x1000: "The lamp burns. " * number**3}
    files: dict[str, bytes | Tree] = {"a.txt": b"The horn was added in 1911.", "b": message(texts, is_embedded=True)}
    rtf = plain_rtf(rb"{\rtf1\ansi lamp\par}") if number % 2 else b""
    return compound_file(message(texts, b"<p>lamp" * number, rtf, attachments=files if number > 2 else {}))


def _drawn(number: int) -> bytes:
    picture = Image.effect_noise((16 + number, 9), 60).convert(("L", "RGB", "RGBA", "1", "P", "I;16")[number])
    data = io.BytesIO()
    picture.save(data, "TIFF" if number % 2 else "PNG")
    return data.getvalue()


def _picture(data: bytes) -> None:
    """Open the pictures of a file as it is done before their words are recognised, and draw the first."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzz.png"
        path.write_bytes(data)
        try:
            assert all(picture.mode == "RGB" for picture in pictures(Source(path, path.name)))
            answer_page({"path": str(path), "state": file_state(path), "number": 1, "width": 40, "marks": []})
        except LoadError as error:
            assert error.message and error.remedy and "\n" not in str(error), repr(error)


def _file(suffix: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"fuzz{suffix}"
        path.write_bytes(data)
        for item in load(Source(path, path.name)):
            if isinstance(item, LoadError):
                assert item.message and item.remedy and "\n" not in str(item), repr(item)
            else:
                assert item.text.strip(), "a document without text"
                wrong = broken_laws(item, Characters())  # type: ignore[arg-type]
                assert not wrong, wrong[:3]


@functools.cache
def _assistant() -> Assistant:
    return Assistant(Index.build(SEEDS, tempfile.mkdtemp(prefix="fuzz-index-")))


def _question(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    try:
        response = _assistant().ask(text, explain=True)
    except RagError as error:
        assert error.message and error.remedy, repr(error)
        return
    # Each citation was verified when the response was made; the JSON must hold them too.
    response.to_json()
    response.to_markdown()


def _filter(data: bytes) -> None:
    try:
        found = conditions(from_pairs(data.decode("utf-8", "surrogateescape").splitlines()))
    except RagError as error:
        assert error.message and error.remedy, repr(error)
        return
    assert all(condition.key for condition in found)
