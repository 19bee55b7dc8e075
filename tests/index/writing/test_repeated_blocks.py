"""Masks what many documents repeat at their edges, and nothing that only looks like it; files in real folders."""

import json
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rag.answering.assistant import Assistant
from rag.chunking.blocks import blocks
from rag.chunking.boilerplate import masks
from rag.cli.main import main
from rag.core.settings import Settings
from rag.core.types import Document
from rag.index.index import Index
from rag.index.storage.fingerprints import BLOCK_HASH, Fingerprint
from rag.index.writing.near_duplicates import sketch
from rag.index.writing.repeated_blocks import MAX_STRANGER_LIKENESS, block_hashes, repeated, shared_blocks
from rag.loading import discover, load
from tests.counting import Counting
from tests.index.test_index import agree

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

MENU = "Harbour | Markets | Weather | Letters | Archive"
CAUTION = "Forecasts on these pages are made with care but readers should not plan a voyage by them alone."
ABOUT = "About the Evening Tide"
LETTER = "The Evening Tide is a newsletter for everyone who lives by the sea, written by people who live there too."
TOWNS = ("Aldsea", "Brimhaven", "Corrie", "Dunmouth", "Eastness", "Farwick", "Gullholm", "Hythe", "Inverby", "Jarlsund")
TRADES = ("salt", "herring", "amber", "wool", "slate", "timber", "barley", "pearls", "tar", "linen")
SYLLABLES = ("ba", "lo", "ri", "men", "tas", "ku", "ver", "sil", "dom", "pan", "gar", "neth")


def story(number: int, sentences: int = 9) -> list[str]:
    """Return two paragraphs that no other number gives; the first says what the town trades in."""
    chosen = random.Random(number)
    town, trade = TOWNS[number % 10], TRADES[number % 10]
    told = [
        f"{town} {' '.join(chosen.choice(SYLLABLES) + chosen.choice(SYLLABLES) for _ in range(chosen.randint(9, 14)))}."
        for _ in range(sentences)
    ]
    return [f"Traders of {town} live by {trade}. " + " ".join(told[:4]), " ".join(told[4:])]


def page(number: int) -> str:
    """Return a page of the paper: menu, title, story and what stands at every foot."""
    title = f"A year in {TOWNS[number % 10]}"
    return "\n\n".join([MENU, title, *story(number), CAUTION, ABOUT, LETTER]) + "\n"


REPEATED = [MENU, CAUTION, ABOUT, LETTER]


@pytest.fixture
def counting(embedder: "Embedder") -> Counting:
    return Counting(embedder)


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    folder.mkdir()
    put(folder, range(8))
    return folder


def put(folder: Path, numbers: Sequence[int]) -> None:
    for number in numbers:
        (folder / f"page{number}.txt").write_text(page(number), encoding="utf-8")


def masked(index: Index, document_id: str) -> list[str]:
    document = index.document(document_id)
    assert document is not None
    return [document.slice(mask.span) for mask in index.masks(document_id) if mask.reason == "repeated"]


def all_masked(index: Index) -> dict[str, list[str]]:
    return {found.id: masked(index, found.id) for found in index.documents()}


def test_what_every_page_repeats_is_masked_and_nothing_else_is_lost(
    pages: Path,
    tmp_path: Path,
    embedder: "Embedder",
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index = Index.build(pages, tmp_path / "index", embedder=embedder)
    assistant = Assistant(index)

    assert all_masked(index) == {f"page{n}.txt": REPEATED for n in range(8)}
    for number in range(8):
        assert index.document(f"page{number}.txt").text == page(number)  # type: ignore[union-attr]
        said = "".join(made.text for made in index.chunks(f"page{number}.txt"))
        assert all(paragraph in said for paragraph in story(number)) and LETTER not in said
        best = assistant.search(f"What do traders of {TOWNS[number]} live by?")[0]
        assert f"live by {TRADES[number]}" in best.answer
    for question in (
        "What is the Evening Tide?",
        "Who is the Evening Tide newsletter written by?",
        "Are forecasts made with care?",
    ):
        found = assistant.search(question)
        assert not any(text in hit.answer or hit.answer in text for hit in found for text in REPEATED)

    monkeypatch.setattr(sys, "argv", ["rag", "documents", "show", "page3.txt", "--masked", "--index", str(index.path)])
    with pytest.raises(SystemExit):
        main()
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [(line[1], line[2]) for line in lines] == [("repeated", text[:100]) for text in REPEATED]
    index.close()


def test_the_order_in_which_pages_came_makes_no_difference(pages: Path, tmp_path: Path, counting: Counting) -> None:
    at_once = Index.build(pages, tmp_path / "index", embedder=counting)
    for order in (range(8), range(7, -1, -1), (3, 9, 0, 7, 1, 6, 2, 5, 4)):
        grown = Index.build([], tmp_path / f"grown{order[0]}", embedder=counting)
        for number in order:
            put(tmp_path, [number])
            grown.add(tmp_path / f"page{number}.txt")
        grown.remove("page9.txt")
        assert all_masked(grown) == all_masked(at_once)
        assert grown.fingerprint == at_once.fingerprint
        agree(grown)


def test_a_later_document_masks_earlier_ones_and_its_removal_shows_them_again(
    pages: Path, tmp_path: Path, counting: Counting
) -> None:
    for number in (4, 5, 6, 7):
        (pages / f"page{number}.txt").unlink()
    index = Index.build(pages, tmp_path / "index", embedder=counting)
    assert not any(all_masked(index).values())
    before = index.chunks("page0.txt")

    put(pages, [4])
    report = index.sync(pages)
    assert report.added == ("page4.txt",) and report.unchanged == tuple(f"page{n}.txt" for n in range(4))
    assert all_masked(index) == {f"page{n}.txt": REPEATED for n in range(5)}
    agree(index)

    index.remove("page2.txt")
    assert not any(all_masked(index).values()) and index.chunks("page0.txt") == before
    assert index.sync(pages).added == ("page2.txt",)
    assert set(map(len, all_masked(index).values())) == {4}
    counting.texts.clear()
    put(pages, [6])
    index.sync(pages)
    assert masked(index, "page6.txt") == REPEATED
    assert counting.texts and all(TOWNS[6] in text for text in counting.texts), "what is masked already stays as it is"
    agree(index)


def test_a_changed_page_is_counted_as_it_is_now(pages: Path, tmp_path: Path, counting: Counting) -> None:
    for number in (5, 6, 7):
        (pages / f"page{number}.txt").unlink()
    index = Index.build(pages, tmp_path / "index", embedder=counting)
    assert masked(index, "page0.txt") == REPEATED

    (pages / "page4.txt").write_text(
        page(4).replace(LETTER, "The Evening Tide will from now on be printed by a bakery in Hythe, not by us.")
    )
    assert index.sync(pages).updated == ("page4.txt",)
    assert masked(index, "page0.txt") == masked(index, "page4.txt") == [MENU], "above text of its own is no foot"
    agree(index)


def test_in_a_long_build_what_is_repeated_is_seldom_embedded(tmp_path: Path, counting: Counting) -> None:
    index = Index.build(
        [Document(f"{n:03}", page(n), f"A year in {TOWNS[n % 10]} {n}") for n in range(120)],
        tmp_path / "index",
        embedder=counting,
    )
    assert {tuple(found) for found in all_masked(index).values()} == {tuple(REPEATED)}
    assert sum(LETTER in text for text in counting.texts) == 0
    assert len(counting.texts) == len(index.store.rows())


def test_none_is_masked_where_the_setting_says_so(pages: Path, tmp_path: Path, embedder: "Embedder") -> None:
    index = Index.build(pages, tmp_path / "index", Settings(repeated_share=0.0), embedder=embedder)
    assert not any(all_masked(index).values())
    index.close()


def test_an_index_from_before_masks_with_its_next_write(
    pages: Path, tmp_path: Path, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.index.writing.writer.shared_blocks", lambda documents, share: frozenset())
    monkeypatch.setattr("rag.index.storage.fingerprints.FingerprintTables.put", lambda *_: None)
    index = Index.build(pages, tmp_path / "index", embedder=counting)
    assert not any(all_masked(index).values())
    monkeypatch.undo()

    index.add([Document("other", "Something else is said here.")])
    assert all_masked(index) == {"other": [], **{f"page{n}.txt": REPEATED for n in range(8)}}
    agree(index)


def found_in(texts: Sequence[str], share: float = 0.1) -> list[list[str]]:
    """Return for each text of a collection what is masked in it as repeated."""
    return found_among([Document(f"{n}", text) for n, text in enumerate(texts)], share)


def found_among(given: Sequence[Document], share: float = 0.1) -> list[list[str]]:
    parts = [blocks(document) for document in given]
    own = [masks(document, found) for document, found in zip(given, parts, strict=True)]
    traced = [Fingerprint(sketch(d.text), block_hashes(d, p, m)) for d, p, m in zip(given, parts, own, strict=True)]
    shared = shared_blocks(traced, share)
    return [
        [d.slice(mask.span) for mask in repeated(d, p, m, shared)] for d, p, m in zip(given, parts, own, strict=True)
    ]


def collection(edit: Callable[[list[str]], list[str]], count: int = 10) -> list[str]:
    return ["\n\n".join(edit([f"A year in {TOWNS[n % 10]}", *story(n)])) for n in range(count)]


FIGURE = "Whoever finds a buoy on the beach may bring it to the harbour office, which is open until 5 in the afternoon."
PROSE = "Whoever finds a buoy on the beach may bring it to the harbour office, which is open on every working day."


@pytest.mark.parametrize("edit", [
    lambda parts: [*parts, FIGURE],
    lambda parts: [*parts, "Whoever finds a buoy on the beach may write to the office at buoys@harbour.example."],
    lambda parts: [*parts, "Harbour master: Ann Holm"],
    lambda parts: [*parts, "Harbour master: Ann Holm", "Pilot: Bo Lind", "Cook: Cy Marr"],
    lambda parts: [*parts, "Set by hand in Hythe"],
    lambda parts: [parts[0], parts[1], PROSE, parts[2]],
    lambda parts: [*parts, f"Rules of {parts[1].split()[2]} for those who walk there", PROSE],
], ids=["figure", "address", "value", "values", "short line", "amid a story", "under its own heading"])  # fmt: skip
def test_what_may_answer_is_not_masked(edit: Callable[[list[str]], list[str]]) -> None:
    assert found_in(collection(edit)) == [[]] * 10


def test_the_same_at_the_foot_is_masked() -> None:
    assert found_in(collection(lambda parts: [*parts, PROSE])) == [[PROSE]] * 10
    assert found_in(collection(lambda parts: [*parts, PROSE, FIGURE])) == [[PROSE]] * 10, "shared, though not masked"
    assert found_in(collection(lambda parts: [*parts, PROSE, f"From {parts[0]}"])) == [[PROSE]] * 10, "a short line"
    assert found_in(collection(lambda parts: [*parts, PROSE, f"From {parts[0]}" * 3])) == [[]] * 10, "its own text"


def test_one_foot_is_found_in_files_of_every_kind(tmp_path: Path) -> None:
    parts = [[f"A year in {TOWNS[n]}", *story(n), CAUTION, LETTER] for n in range(10)]
    written = {
        "txt": lambda own: "\n\n".join(own),
        "md": lambda own: "\n\n".join([f"# {own[0]}", *own[1:]]),
        "html": lambda own: f"<html><body><h1>{own[0]}</h1>" + "".join(f"<p>{text}</p>" for text in own[1:]),
        "eml": lambda own: "\r\n\r\n".join([f"From: a@b.example\r\nSubject: {own[0]}", *own[1:]]),
        "jsonl": lambda own: json.dumps({"_id": own[0], "title": own[0], "text": "\n\n".join(own[1:])}),
    }
    for n, own in enumerate(parts):
        kind = [*written][n % 5]
        (tmp_path / f"{n}.{kind}").write_text(written[kind](own), encoding="utf-8", newline="")
    given = [item for source in discover([tmp_path]) for item in load(source) if isinstance(item, Document)]
    assert len(given) == 10 and {document.format for document in given} >= {"text", "markdown", "html", "mail"}
    assert found_among(given) == [[CAUTION, LETTER]] * 10


def test_the_headers_of_a_message_do_not_part_a_warning_from_the_head(tmp_path: Path) -> None:
    warning = "This message came from outside of the harbour office: do not open what you did not wait for."
    for n, town in enumerate(TOWNS):
        headers = [f"{name}: {town} <{n}@harbour.example>" for name in ("From", "To", "Cc")]
        head = "\r\n".join([f"Subject: {town}", *headers, f"Date: Mon, {n + 10} Nov 2025 10:00:00 +0000"])
        (tmp_path / f"{n}.eml").write_text("\r\n\r\n".join([head, warning, *story(n), PROSE]), newline="")
    given = [item for source in discover([tmp_path]) for item in load(source) if isinstance(item, Document)]
    assert found_among(given) == [[warning, PROSE]] * 10


@pytest.mark.parametrize(("holders", "count", "share", "expected"), [
    (5, 5, 0.1, 5), (4, 4, 0.1, 0), (5, 50, 0.1, 5), (5, 51, 0.1, 0), (6, 51, 0.1, 6), (30, 60, 0.5, 30),
    (29, 60, 0.5, 0),
])  # fmt: skip
def test_enough_documents_must_share_a_block(holders: int, count: int, share: float, expected: int) -> None:
    texts = collection(lambda parts: parts, count)
    texts = [f"{text}\n\n{PROSE}" if n < holders else text for n, text in enumerate(texts)]
    assert sum(map(bool, found_in(texts, share))) == expected


def test_a_document_keeps_a_block_of_its_own() -> None:
    calm = ["Weekly note from the harbour", f"In week of {TOWNS[0]}", PROSE]
    texts = [*collection(lambda parts: [*parts, PROSE]), "\n\n".join(calm), PROSE]
    assert found_in(texts) == [*[[PROSE]] * 10, [], []]


def test_mirrors_of_one_article_lose_nothing() -> None:
    """Ten papers print one story, each below its own name and above its own words; five more copy it whole."""
    wire = story(77, 20)
    own = [
        f"{TOWNS[n]} Courier and its readers, of whom there are more and more along the coast of {TOWNS[n]}."
        for n in range(10)
    ]
    papers = ["\n\n".join([f"The {TOWNS[n]} Courier", *wire, own[n]]) for n in range(10)]
    copies = ["\n\n".join([*wire]) + "\n" * n for n in range(5)]
    assert found_in([*papers, *copies]) == [[]] * 15
    assert found_in([*papers, *copies, *collection(lambda parts: parts, 20)]) == [[]] * 35


def test_a_report_that_papers_only_add_to_loses_nothing() -> None:
    """Somewhat more than half of each is the report: too little to be near-duplicates, too much to be a foot."""
    wire = story(77, 14)
    papers = ["\n\n".join([f"The {TOWNS[n]} Courier", *wire, " ".join(story(n, 11))]) for n in range(10)]
    assert found_in(papers) == [[]] * 10


def test_versions_of_one_document_lose_nothing() -> None:
    """Each version changes a word in most paragraphs; the first and the last stay as they are."""
    rules = [" ".join(story(n)) for n in range(8)]
    first, last = story(90)[0], PROSE
    versions = [
        "\n\n".join([first, *(rule.replace(" live ", f" in version{n} live ", 1) for rule in rules), last])
        for n in range(8)
    ]
    assert found_in(versions) == [[]] * 8


def test_blocks_are_counted_by_hand() -> None:
    """Of six documents five have block 7, none of them mostly made of it; all have block 0, which never counts."""

    def made(seed: int, *entries: tuple[int, int]) -> Fingerprint:
        words = " ".join(f"w{random.Random(seed).randrange(9_999)}{n}" for n in range(40))
        return Fingerprint(sketch(words), np.array([*entries], BLOCK_HASH).tobytes())

    five = [made(n, (0, 100), (7, 60), (7, 40), (100 + n, 20)) for n in range(5)]
    assert shared_blocks([*five, made(5, (0, 9))], 0.1) == {7}
    assert shared_blocks([*five, made(5, (0, 9))], 0.9) == frozenset()
    assert shared_blocks([*five[:4], made(4, (0, 10), (7, 60), (104, 49))], 0.1) == frozenset(), "59 of 119 are its own"
    assert shared_blocks([*five[:4], made(4, (0, 11), (7, 60), (104, 49))], 0.1) == {7}
    assert shared_blocks([*five[:4], made(3, (0, 100), (7, 60))], 0.1) == frozenset(), "two of them are copies"
    assert shared_blocks([*five[:4], Fingerprint(b"", five[4].block_hashes)], 0.1) == frozenset(), "one is too short"
    assert shared_blocks([], 0.1) == shared_blocks(five, 0.0) == frozenset()
    assert 1 / 3 < MAX_STRANGER_LIKENESS < 0.6
