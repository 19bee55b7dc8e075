"""Changes 10 of 10,000 short documents and compares the sync's CPU time and embedded texts with the full build's.

    python tests/benchmarks/sync.py [--documents 10000] [--changed 10]

The documents are generated with a seeded script, one file each.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rag.core.settings import Settings
from rag.embedding.embedder import open_embedder
from rag.index.index import Index

NOUNS = "bridge tower harbour market station museum garden school library theatre river tunnel".split()
VERBS = "opened closed moved burned grew failed reopened expanded".split()


class Counting:
    """An embedder that counts the texts it is given."""

    def __init__(self) -> None:
        """Open the shipped one."""
        self.inner, self.texts = open_embedder(Settings()), 0

    def __getattr__(self, name: str) -> Any:
        """Return what the inner embedder has."""
        return getattr(self.inner, name)

    def embed_with_parts(self, texts: Sequence[str], parts: Sequence[Any]) -> Any:
        """Return what the inner embedder gives, and count."""
        self.texts += len(texts)
        return self.inner.embed_with_parts(texts, parts)


def text(number: int, turn: int) -> str:
    """Return a document of three sentences."""
    chance = random.Random(f"{number} {turn}")
    said = (
        f"The {chance.choice(NOUNS)} of place {number} {chance.choice(VERBS)} in {chance.randrange(1900, 2020)}."
        for _ in range(3)
    )
    return " ".join(said)


def timed(work: Callable[[], object]) -> float:
    """Return the CPU seconds of all threads."""
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--changed", type=int, default=10)
    given = parser.parse_args()
    with TemporaryDirectory() as scratch:
        folder, place, embedder = Path(scratch) / "articles", Path(scratch) / "index", Counting()
        folder.mkdir()
        for number in range(given.documents):
            (folder / f"{number:05}.txt").write_text(text(number, 0))
        build = timed(lambda: Index.build(folder, place, embedder=embedder).close())
        built, embedder.texts = embedder.texts, 0
        for number in random.Random(1).sample(range(given.documents), given.changed):
            (folder / f"{number:05}.txt").write_text(text(number, 1))
        index = Index.open(place, embedder)
        sync = timed(lambda: index.sync(folder))
        figures = {
            "documents": given.documents, "changed": len(index.report.updated), "build_cpu_s": round(build, 1),
            "sync_cpu_s": round(sync, 2), "share": round(sync / build, 4), "embedded_build": built,
            "embedded_sync": embedder.texts,
        }  # fmt: skip
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
