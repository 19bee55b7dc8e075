"""The private copy that the reader model reads: each stretch leads back to the stored text; layout is put in words."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.chunking.boilerplate import masks
from rag.chunking.chunks import chunk
from rag.chunking.sentences import blocks
from rag.core.types import Chunk, Document, Span
from rag.loading import Source, load
from rag.reading.reading_copy import INSERTED, ReadingCopy
from rag.reading.records import reading_copy
from rag.reading.whole_spans import whole_span
from tests.exploring import examples

LAYOUTS = [
    *(
        "| a | b |\n",
        "|---|---|\n",
        "| 1 | 2 |\n",
        "- item\n",
        "-f, --force\n    Does it.\n",
        "Key: value\n",
        "# Head\n",
    ),
    *(
        "Fee ........ 12\n",
        "Ends.\n",
        "\n",
        "\r\n",
        "x\ty\tz\n",
        "a   b   c\n",
        "é\u0301",
        "水は青い。",
        "😀",
        "(",
        "“",
        " ",
    ),
]


def passages(text: str, folder: Path, suffix: str = ".md") -> list[Chunk]:
    path = folder / f"a{suffix}"
    path.write_bytes(text.encode())
    (document,) = load(Source(path, path.name))
    if not isinstance(document, Document):  # an empty file
        return []
    parts = blocks(document)
    return chunk(document, parts, masks(document, parts), 600, 10_000, lambda texts: [len(text) for text in texts])


def copies(text: str, folder: Path, suffix: str = ".md") -> list[ReadingCopy]:
    return [reading_copy(passage) for passage in passages(text, folder, suffix)]


def assert_leads_back(passage: Chunk, copy: ReadingCopy) -> None:
    assert "".join(copy.text[piece.start : piece.end] for piece in copy.pieces) == copy.text
    for piece in copy.pieces:
        stored = passage.text[piece.stored_start : piece.stored_end]
        assert stored == ("" if piece.unit == INSERTED else copy.text[piece.start : piece.end])
    for start, end, _ in copy.cells:
        assert 0 <= start < end <= len(passage.text)
    for statement in copy.statements:
        assert 0 <= statement.start < statement.end <= len(passage.text)
        assert set(statement.sentences) <= set(range(len(passage.sentences)))


@pytest.mark.thorough
@settings(max_examples=examples(200))
@given(st.lists(st.sampled_from(LAYOUTS), max_size=30).map("".join), st.sampled_from([".txt", ".md"]))
def test_every_stretch_of_a_copy_is_inserted_or_a_slice_of_the_stored_text(text: str, suffix: str) -> None:
    with TemporaryDirectory() as folder:
        for passage in passages(text, Path(folder), suffix):
            assert_leads_back(passage, reading_copy(passage))


TABLE = "| Item | Price |\n|---|---|\n| Rope | 12.50 |\n| Buoy | 40 |\n"
FEES = "Harbour fees\n\nMooring ........ 14 euros\nWater ........ 3 euros\n"
FIGURES = f"""Text.

{"=" * 12} ==== ====
{"":12} Min  Max
{"=" * 12} ==== ====
Ash:          1.3  3.2
Hue:          0.4  1.7
Magnesium:   70.0 162.0
{"=" * 12} ==== ====
"""
OPTION = "-f, --force\n    Overwrite the file without a question.\n"
TERMS = "<h1>Staff</h1><dl><dt>Ann Bell</dt><dd>Pilot</dd><dt>Mei Lin</dt><dd><p>Engineer</p><p>On call.</p></dd></dl>"
HEADING = "# The pilot station is at Milner Tower\n\nIt is staffed all day.\n"


@pytest.mark.parametrize(("text", "suffix", "read"), [
    (TABLE, ".md", ["Item: Rope; Price: 12.50.", "Item: Buoy; Price: 40."]),
    ("Item,Price\nRope,12.50\nBuoy,40\n", ".csv", ["Item: Rope; Price: 12.50.", "Item: Buoy; Price: 40."]),
    (FEES, ".txt", ["Mooring: 14 euros.", "Water: 3 euros."]),
    ("Berth: 7\nDepth: 4 m\n", ".md", ["Berth: 7.", "Depth: 4 m."]),
    ("Text.\n\n:Berth: 7\n:Depth: 4 m\n", ".txt", ["Berth: 7.", "Depth: 4 m."]),
    ("Text.\n\nClasses     7\nSamples   581\nWidth      54\n", ".txt", ["Classes: 7.", "Samples: 581."]),
    (FIGURES, ".rst", ["Ash:; Min: 1.3; Max: 3.2.", "Magnesium:; Min: 70.0; Max: 162.0."]),
    (OPTION, ".txt", ["-f, --force: Overwrite the file without a question."]),
    (TERMS, ".html", ["Ann Bell: Pilot.", "Mei Lin: Engineer."]),
    ("# I see no colour, why is that, and what helps?\n\nIt is off, so turn it on, and try.\n", ".md",
     ["It is off, so turn it on, and try."]),
    (HEADING, ".md", ["The pilot station is at Milner Tower. It is staffed"]),
])  # fmt: skip
def test_layout_is_read_in_words(text: str, suffix: str, read: list[str], tmp_path: Path) -> None:
    copied = " ".join(" ".join(copy.text.split()) for copy in copies(text, tmp_path, suffix))
    for words in read:
        assert words in copied


def test_running_text_is_read_as_it_is(tmp_path: Path) -> None:
    text = "The tug is called Marlin. It was built in 1987 and lies at berth 7."
    (copy,) = copies(text, tmp_path)
    assert copy.is_plain and copy.text == text


def test_a_range_of_a_cell_leads_to_its_stored_place_and_to_the_whole_cell(tmp_path: Path) -> None:
    text = "| Item | Price |\n|---|---|\n| Long rope | 12.50 |\n"
    (passage,) = passages(text, tmp_path)
    copy = reading_copy(passage)
    at = copy.text.index("rope")
    (stored,), units = copy.stored(np.array([[at, at + 4]], np.int32))
    assert passage.text[slice(*map(int, stored))] == "rope" and units[0] != INSERTED
    whole = copy.whole_cell(*map(int, stored))
    assert whole is not None and passage.text[whole.start : whole.end] == "Long rope"


@pytest.mark.parametrize(("text", "chosen", "whole"), [
    ("Give the address(es) of the boats.", "es", "address(es)"),
    ("It holds up to 8 boats.", "8", "up to 8"),
    ("The rope is 12.5 kg in all.", "12.5", "12.5 kg"),
    ("It fails at least once every two billion transactions, they say.", "at least once",
     "at least once every two billion transactions"),
    ("The mate (the second officer) keeps the log.", "mate (the second", "mate (the second officer)"),
    ("Use C++ here.", "C", "C++"),
    ("It takes around 2/5 of available RAM by default.", "2/5", "around 2/5 of available RAM"),
    ("It is an add-on for all.", "add", "add-on"),
])  # fmt: skip
def test_a_span_is_made_a_whole_thing(text: str, chosen: str, whole: str) -> None:
    start = text.index(chosen)
    assert text[slice(*whole_span(text, start, start + len(chosen), 0, len(text)))] == whole


@pytest.mark.thorough
@settings(max_examples=examples(300))
@given(st.text(alphabet="ab1 ()“”.,-+#%€水é\n", max_size=60), st.data())
def test_a_whole_span_stays_inside_its_bounds_and_is_never_empty(text: str, data: st.DataObject) -> None:
    if not text:
        return
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    low, high = data.draw(st.integers(0, start)), data.draw(st.integers(end, len(text)))
    first, last = whole_span(text, start, end, low, high)
    assert low <= first < last <= high


def test_a_word_that_a_formatter_parted_is_read_as_one_and_answers_whole() -> None:
    text = "-s\n    The de\u2010\n    fault size is 5.\n\nIt is kept."
    ends = (text.index("5.") + 2, len(text))
    chunk = Chunk(Span("d", 0, len(text)), text, None, (), ((0, ends[0]), (text.index("It"), ends[1])))
    copy = reading_copy(chunk)
    assert "default" in copy.text
    at = copy.text.index("default")
    ranges, units = copy.stored(np.array([(at, at + 7), (at, at + 2), (at + 2, at + 7)], np.int32))
    assert [text[start:end] for start, end in ranges] == ["de\u2010\n    fault", "de", "fault"]
    assert len(set(units.tolist())) == 1
