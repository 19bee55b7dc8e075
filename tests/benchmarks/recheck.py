"""Edits articles by hand of a seeded script and counts how many saved citations `rag verify` classifies rightly.

    python tests/benchmarks/recheck.py ../shared/data/bbc_news [--seed 1] [--json FILE]

Two responses for each of 100 articles are saved: its title and its last third as queries, all answers kept. Then 30
articles are edited: a sentence moved to the end (8), words of a sentence replaced (8), a paragraph deleted (7), the
article removed (7). What each citation has become is known from the edits alone, which are lists of kept stretches.
"""

import argparse
import json
import random
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rag.answering.assistant import Assistant
from rag.chunking.sentences import blocks, sentences
from rag.core.types import Document, Span
from rag.index.index import Index

ARTICLES, EDITED = 100, ("moved",) * 8 + ("changed",) * 8 + ("deleted",) * 7 + ("removed",) * 7


@dataclass(frozen=True)
class Edit:
    """The text after an edit, and the stretches of the old text that are in it: (start, end, new start)."""

    text: str
    kept: tuple[tuple[int, int, int], ...]
    changed: Span | None = None
    replaced: tuple[Span, ...] = ()

    def status(self, span: Span) -> tuple[str, ...]:
        """Return what may be said of a citation of the old text.

        Of words that are as they were in a sentence of which others were replaced: that they stand there, or that what
        gives them their sense has changed.
        """
        for start, end, new in self.kept:
            if start <= span.start and span.end <= end:
                return ("exact" if new == start else "moved",)
        if self.changed is None or not span.overlaps(self.changed):
            return ("gone",)
        return ("changed",) if any(span.overlaps(word) for word in self.replaced) else ("changed", "exact", "moved")


def edited(document: Document, kind: str, chosen: Span, chance: random.Random) -> Edit:
    """Return the document with the sentence `chosen` moved to the end or changed, or its paragraph deleted."""
    text = document.text
    if kind == "deleted":
        inside = next(block.span for block in blocks(document) if block.span.contains(chosen))
        return Edit(text[: inside.start] + text[inside.end :], _cut(inside, len(text)))
    if kind == "changed":
        words = document.slice(chosen).split(" ")
        starts = list(accumulate((len(word) + 1 for word in words[:-1]), initial=chosen.start))
        places = chance.sample(range(len(words)), max(1, len(words) // 8))
        replaced = tuple(Span(document.id, starts[at], starts[at] + len(words[at])) for at in places)
        new = " ".join("otherwise" if at in places else word for at, word in enumerate(words))
        kept = ((0, chosen.start, 0), (chosen.end, len(text), chosen.start + len(new)))
        return Edit(text[: chosen.start] + new + text[chosen.end :], kept, chosen, replaced)
    rest = text[: chosen.start] + text[chosen.end :]
    tail = len(rest) + 2
    return Edit(f"{rest}\n\n{document.slice(chosen)}", (*_cut(chosen, len(text)), (chosen.start, chosen.end, tail)))


def _cut(span: Span, length: int) -> tuple[tuple[int, int, int], ...]:
    return (0, span.start, 0), (span.end, length, span.start)


def articles(folder: Path, chance: random.Random) -> list[Document]:
    """Return 100 articles of different texts."""
    rows = [json.loads(line) for line in (folder / "corpus.jsonl").read_text(encoding="utf-8").splitlines()]
    unique = {row["text"]: row for row in rows}
    return [Document(row["_id"], row["text"], row["title"]) for row in chance.sample(list(unique.values()), ARTICLES)]


def saved_responses(index: Index, documents: list[Document]) -> list[dict[str, Any]]:
    """Return two responses for each document, as they are saved."""
    assistant = Assistant(index)
    asked = [text for made in documents for text in (made.title or "", _later_sentence(made))]
    return [json.loads(made.to_json()) for made in assistant.ask_many(asked, min_confidence=0.0)]


def _later_sentence(document: Document) -> str:
    found = [sentence for block in blocks(document) for sentence in sentences(document, block)]
    return document.slice(found[len(found) * 2 // 3])[:300]


def _sentence(document: Document, span: Span) -> Span:
    """Return the sentence that a span lies in, the span where it lies in none."""
    found = (sentence for block in blocks(document) for sentence in sentences(document, block))
    return next((sentence for sentence in found if sentence.contains(span)), span)


def citations(saved: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the citations of all responses."""
    return [item for made in saved for answer in made["answers"] for item in (answer["citation"], *answer["also_in"])]


def main() -> None:
    """Print how many citations are classified as the edits say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    documents = articles(given.folder, chance)
    with TemporaryDirectory() as folder:
        index = Index.build(documents, Path(folder) / "index")
        saved = saved_responses(index, documents)
        edits = _edit(index, documents, saved, chance)
        found = [item for made in saved for item in Assistant(index).verify(made)]
    truth = [_truth(item, edits) for item in citations(saved)]
    table = Counter((" or ".join(may), item.status) for may, item in zip(truth, found, strict=True))
    wrong = [(may, item.to_dict()) for may, item in zip(truth, found, strict=True) if item.status not in may]
    counts = {f"{expected} -> {status}": count for (expected, status), count in sorted(table.items())}
    report = {"responses": len(saved), "citations": len(truth), "right": len(truth) - len(wrong), "counts": counts}
    print(json.dumps({**report, "wrong": wrong[:10]}, indent=1, ensure_ascii=False))  # noqa: T201
    if given.json:
        given.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _edit(
    index: Index, documents: list[Document], saved: list[dict[str, Any]], chance: random.Random
) -> dict[str, Edit | None]:
    """Edit the articles whose citations are many, in the index; None for one that is removed."""
    cited: dict[str, list[Span]] = {}
    for item in citations(saved):
        place = item["document_offset"]
        cited.setdefault(item["document_id"], []).append(Span(item["document_id"], place["start"], place["end"]))
    by_id = {made.id: made for made in documents}
    edits: dict[str, Edit | None] = {}
    for key, kind in zip(chance.sample(sorted(cited), len(EDITED)), EDITED, strict=True):
        if kind == "removed":
            edits[key] = None
            index.remove(key)
            continue
        edits[key] = made = edited(by_id[key], kind, _sentence(by_id[key], chance.choice(cited[key])), chance)
        index.add([Document(key, made.text, by_id[key].title)])
    return edits


def _truth(item: dict[str, Any], edits: dict[str, Edit | None]) -> tuple[str, ...]:
    key, place = item["document_id"], item["document_offset"]
    if key not in edits:
        return ("exact",)
    edit = edits[key]
    return ("gone",) if edit is None else edit.status(Span(key, place["start"], place["end"]))


if __name__ == "__main__":
    main()
