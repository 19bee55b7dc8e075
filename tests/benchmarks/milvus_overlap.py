"""Builds an index on a Milvus server from real passages, and compares what it finds with FAISS comparing all.

    MILVUS_PYTHON=build/milvus/bin/python python tests/benchmarks/milvus_overlap.py WORK --questions DATA/squad2

WORK is what `million.py prepare` wrote; the server is that of `make milvus`, started here for loopback alone. Vectors
are looked up in place of embedding. Printed are the costs and the share of the best that the server finds too.
"""

import argparse
import json
import os
import sys
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from costs import spread, timed
from enlarged import questions
from million import LookUp, recall

from rag.core.settings import Settings
from rag.index.index import Index
from tests.index.engines.conftest import Server


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--documents", type=int, default=96_000)
    parser.add_argument("--questions", type=Path)
    parser.add_argument("--asked", type=int, default=100)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        server = Server(os.environ["MILVUS_PYTHON"], Path(folder) / "server")
        try:
            sys.stdout.write(json.dumps(measured(given, Path(folder), server.address), indent=1) + "\n")
        finally:
            server.stop()


def measured(given: argparse.Namespace, folder: Path, address: str) -> dict[str, Any]:
    """Build on the server, search it, and search all with FAISS."""
    corpus = folder / "corpus.jsonl"
    with (given.work / "corpus.jsonl").open(encoding="utf-8") as lines, corpus.open("w", encoding="utf-8") as kept:
        kept.writelines(islice(lines, given.documents))
    embedder = LookUp(given.work)
    index, cpu, wall = built(corpus, f"milvus://{address}/overlap?timeout=60", embedder)
    vectors = list(embedder.embed_queries(questions(given.questions, given.asked)))
    searches = [timed(index.vectors.search, vector[None], 10) for vector in vectors]
    return {
        "passages": index.info.chunks,
        "build": {"cpu_s": round(cpu, 1), "wall_s": round(wall, 1), "unknown_texts": embedder.unknown},
        "search_ms": spread(searches),
        "overlap": recall(index.vectors, vectors),
    }


def built(corpus: Path, address: str, embedder: Any) -> tuple[Index, float, float]:
    """Return the index with the CPU and wall seconds of this process that it took."""
    made: list[Index] = []
    cpu, wall = timed(lambda: made.append(Index.build(corpus, address, Settings(), embedder=embedder)))
    return made[0], cpu / 1e3, wall / 1e3


if __name__ == "__main__":
    main()
