"""Every format that is read: a planted sentence is stored whole, is found, and its citation leads into the original."""

import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rag.answering.citation import place
from rag.chunking.blocks import blocks
from rag.chunking.chunks import chunk
from rag.core.errors import LoadError
from rag.core.types import Document, Span
from rag.loading import LOADERS, Source, discover, load, suffix
from tests.loading.formats.made_files import MAKERS, Made, make_files
from tests.loading.formats.originals import resolves

if TYPE_CHECKING:
    from rag.embedding.embedder import SentenceTransformerEmbedder

EACH, EACH_SLOW = 3, 11
TESTED_APART = {
    "paged.pictures.load_picture",
    "office.old_office.load_old_office",
    "containers.outlook.load_msg",
    "containers.archives.load_compressed",
}
"""Loaders with tests of their own: see test_recognition, test_old_office, test_outlook and test_office_parts."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Made]:
    return make_files(tmp_path_factory.mktemp("made") / "files", EACH)


def documents(path: Path) -> list[Document]:
    found = list(load(Source(path, path.name)))
    assert all(isinstance(item, Document) for item in found), found
    return [item for item in found if isinstance(item, Document)]


def headings_at(document: Document, span: Span) -> tuple[str, ...]:
    """Return the path of headings of the passage at `span`, as a chunk of an index would have it."""
    passages = chunk(document, blocks(document), [], 900, 10_000, lambda texts: [1] * len(texts))
    return next(passage.headings for passage in passages if passage.span.overlaps(span))


def squeezed(text: str) -> str:
    return " ".join(text.split())


def planted_span(document: Document, planted: str) -> Span | None:
    """Return where the planted sentence stands; line breaks of the original may stand in it."""
    words = planted.split()
    start = document.text.find(words[0])
    while start >= 0:
        for end in range(start + len(planted), start + len(planted) + len(words)):
            if squeezed(document.text[start:end]) == planted:
                return Span(document.id, start, end)
        start = document.text.find(words[0], start + 1)
    return None


@pytest.mark.thorough
def test_every_suffix_that_is_read_is_made_or_is_another_name_of_one_that_is(made: list[Made]) -> None:
    tested = {LOADERS[suffix(item.path.name)] for item in made}
    assert {*LOADERS.values()} - TESTED_APART <= tested


@pytest.mark.parametrize("kind", MAKERS)
def test_a_planted_sentence_is_stored_once_and_its_place_leads_into_the_original(kind: str, made: list[Made]) -> None:
    files = [item for item in made if item.kind == kind]
    assert len(files) == EACH
    for item in files:
        found = [(one, span) for one in documents(item.path) if (span := planted_span(one, item.planted))]
        assert len(found) == 1, item
        document, span = found[0]
        headings = headings_at(document, span)
        where = place(document, span, headings)
        assert resolves(item.path, kind, document.id, document.slice(span), where), (item, where)
        if item.heading:
            assert headings[-1] == item.heading


@pytest.mark.parametrize("kind", MAKERS)
def test_blocks_share_no_character_and_hold_all_that_is_not_blank(kind: str, made: list[Made]) -> None:
    for item in made:
        if item.kind == kind:
            for document in documents(item.path):
                spans = [block.span for block in blocks(document)]
                edges = [0, *(edge for span in spans for edge in (span.start, span.end)), len(document.text)]
                assert edges == sorted(edges)
                between = [document.text[one.end : two.start] for one, two in pairwise(spans)]
                assert not "".join([document.text[: spans[0].start], *between, document.text[spans[-1].end :]]).strip()


@pytest.mark.parametrize("kind", ["xlsx", "table.csv", "tsv"])
def test_a_row_of_a_table_stands_under_the_header_of_its_columns(kind: str, made: list[Made]) -> None:
    item = next(item for item in made if item.kind == kind)
    (document,) = documents(item.path)
    span = planted_span(document, item.planted)
    assert span is not None
    header = headings_at(document, span)[-1]
    assert squeezed(header).lower() in ("number | note", "number;note", "number note")


@pytest.mark.slow
@pytest.mark.parametrize("tools", [False, True], ids=["libraries", "pandoc and LibreOffice"])
def test_two_hundred_files_are_indexed_and_each_planted_sentence_is_found_and_cited(
    tools: bool, tmp_path: Path, embedder: "SentenceTransformerEmbedder"
) -> None:
    import shutil

    from rag import Assistant, Index

    if tools and not (shutil.which("pandoc") and shutil.which("soffice")):
        pytest.skip("pandoc and LibreOffice are not installed")
    files = make_files(tmp_path / "files", EACH_SLOW, tools)
    index = Index.build(tmp_path / "files", tmp_path / "index", embedder=embedder)
    held = {summary.id.partition("#")[0].partition("/")[0] for summary in index.documents()}
    reported = {source for source, _ in index.report.failed}
    ids = {source.document_id for source in discover([tmp_path / "files"])}
    rows = {item.path.name for item in files if item.kind == "jsonl"}  # whose documents are named by their rows
    assert len(ids) == len(files) >= 200 and not reported and ids - held == rows

    lost, wrong = [], []
    for item, response in zip(files, Assistant(index).ask_many([item.question for item in files]), strict=True):
        shown = response.answers or (response.no_answer.closest if response.no_answer else ())
        best = next((answer for answer in shown if item.planted in squeezed(answer.context)), None)
        if best is None:
            lost.append(item.path.name)
        elif not resolves(item.path, item.kind, best.citation.span.document_id, best.answer, best.citation.place):
            wrong.append(item.path.name)
    sys.stderr.write(f"\n{len(files)} files, {len(held)} sources, lost {lost}, wrong {wrong}\n")
    assert not wrong
    assert not lost
    index.close()


@pytest.mark.thorough
def test_nothing_that_is_made_is_refused(made: list[Made]) -> None:
    assert not [error for item in made for error in load(Source(item.path, "x")) if isinstance(error, LoadError)]
