"""Files that break careless text code, from their bytes to passages: every law of chunking, with the real tokenizer."""

import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.chunking.blocks import blocks
from rag.chunking.boilerplate import masks
from rag.chunking.chunks import chunk, embedding_text
from rag.core.errors import LoadError
from rag.core.settings import Settings
from rag.core.types import Document, Mask, Span
from rag.loading import Source, load
from tests.exploring import examples
from tests.nasty_files import SENTENCES, SEPARATORS, nasty_file

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

CHUNK_SIZE = Settings().chunk_size


def broken_laws(document: Document, embedder: "Embedder", chunk_size: int = CHUNK_SIZE) -> list[str]:
    """Return what is wrong with the chunks of a document; empty where every law holds."""
    found = blocks(document)
    masked = masks(document, found)
    made = chunk(document, found, masked, chunk_size, embedder.max_tokens, embedder.count_tokens)
    wrong = []
    for one, following in pairwise(made):
        if one.span.end > following.span.start:
            wrong.append(f"{one.span} reaches into {following.span}")
    for one, tokens in zip(made, embedder.count_tokens([embedding_text(item) for item in made]), strict=True):
        if one.text != document.text[one.span.start : one.span.end] or not one.text.strip():
            wrong.append(f"{one.span} is no slice, or an empty one")
        if tokens > embedder.max_tokens:
            wrong.append(f"{one.span} has {tokens} tokens")
        ends = [0, *(end for _, end in one.sentences)]
        if any(
            not before <= start < end <= len(one.text)
            for before, (start, end) in zip(ends, one.sentences, strict=False)
        ):
            wrong.append(f"the sentences of {one.span} are not ranges in order: {one.sentences}")
    return wrong + _not_partitioned(document, [item.span for item in made], masked)


def _not_partitioned(document: Document, chunks: list[Span], masked: list[Mask]) -> list[str]:
    """Return where chunks and masks together leave words out, or share any."""
    wrong, at = [], 0
    for span in sorted([*chunks, *(mask.span for mask in masked)]):
        if span.start < at:
            wrong.append(f"{span} holds what a mask or another passage holds")
        elif document.text[at : span.start].strip():
            wrong.append(f"{at}..{span.start} is in no passage: {document.text[at : span.start][:60]!r}")
        at = max(at, span.end)
    return [*wrong, *([f"{at}.. is in no passage"] if document.text[at:].strip() else [])]


def outcome(seed: int, folder: Path, embedder: "Embedder") -> Counter[str]:
    """Return how many documents of nasty file `seed` were sound and how many errors clear; raise where not."""
    suffix, data = nasty_file(seed)
    path = folder / f"nasty{suffix}"
    path.write_bytes(data)
    counts: Counter[str] = Counter()
    for item in load(Source(path, path.name)):
        if isinstance(item, LoadError):
            assert str(path) in item.message and item.remedy and "\n" not in str(item), f"seed {seed}: {item}"
            counts[type(item).__name__] += 1
        else:
            assert item.text.strip(), f"seed {seed}: a document without text"
            wrong = broken_laws(item, embedder)
            assert not wrong, f"seed {seed}: {wrong[:3]}"
            counts["sound"] += 1
    return counts


def test_the_laws_can_be_broken(embedder: "Embedder") -> None:
    document = Document("d", "One two. Three four.")
    passages, mask = [Span("d", 0, 9), Span("d", 9, 20)], Mask(Span("d", 4, 6), "widget")

    assert _not_partitioned(document, passages, []) == []
    assert _not_partitioned(document, passages[:1], []) == ["9.. is in no passage"]
    assert _not_partitioned(document, passages[1:], []) == ["0..9 is in no passage: 'One two. '"]
    assert len(_not_partitioned(document, passages, [mask])) == 1


def test_three_hundred_nasty_files_become_sound_passages(tmp_path: Path, embedder: "Embedder") -> None:
    counts: Counter[str] = Counter()
    for seed in range(300):
        counts += outcome(seed, tmp_path, embedder)

    assert counts["sound"] > 200
    assert counts["EmptyDocument"] > 0 and counts["UnreadableSource"] > 0


@pytest.mark.slow
def test_ten_thousand_nasty_files_become_sound_passages(tmp_path: Path, embedder: "Embedder") -> None:
    counts: Counter[str] = Counter()
    for seed in range(300, 10_300):
        counts += outcome(seed, tmp_path, embedder)

    sys.stderr.write(f"\n10,000 nasty files: {dict(counts)}\n")
    assert counts["sound"] > 8_000


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(
        st.one_of(st.text(max_size=60), st.sampled_from(SENTENCES), st.sampled_from(SEPARATORS)), max_size=40
    ),
    title=st.one_of(st.none(), st.text(max_size=300)),
    kind=st.sampled_from(["text", "markdown"]),
    chunk_size=st.integers(200, 1_200),
)
def test_any_text_becomes_sound_passages(
    pieces: list[str], title: str | None, kind: str, chunk_size: int, embedder: "Embedder"
) -> None:
    document = Document("d", "".join(pieces), title, kind)

    assert broken_laws(document, embedder, chunk_size) == []
