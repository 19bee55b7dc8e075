"""Lays out data sets of the questions that nothing was trained or fitted on, for `tests.benchmarks.run` to measure.

    python -m training.reader.reported DATA OUT

In OUT, `squad2` keeps the questions over the four articles that neither the reader nor order and confidence have seen,
`nq_open_gold` those of the reported half; each corpus stays whole. The other sets are linked as they are.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rag.evaluation.datasets import developer_half
from training.reader.sources import fitted_articles, held_out_articles, rows


def main(data: Path, out: Path) -> None:
    """Write the folders."""
    reported = held_out_articles(data) - fitted_articles(data)
    kept: dict[str, Callable[[dict[str, Any]], bool]] = {
        "squad2": lambda row: row["article"] in reported,
        "nq_open_gold": lambda row: not developer_half(row["doc_id"]),
    }
    out.mkdir(parents=True, exist_ok=True)
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        if folder.name in kept:
            write(folder, out / folder.name, kept[folder.name])
        elif not (out / folder.name).exists():
            (out / folder.name).symlink_to(folder.resolve())


def write(folder: Path, out: Path, kept: Callable[[dict[str, Any]], bool]) -> None:
    """Write a data set with the kept answers and their questions."""
    out.mkdir(exist_ok=True)
    for name in ("corpus.jsonl", "META.json"):
        if not (out / name).exists():
            (out / name).symlink_to((folder / name).resolve())
    answers = [row for row in rows(folder / "answers.jsonl") if kept(row)]
    ids = {row["query_id"] for row in answers}
    queries = [row for row in rows(folder / "queries.jsonl") if row["_id"] in ids]
    for name, content in (("answers.jsonl", answers), ("queries.jsonl", queries)):
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in content)
        (out / name).write_text("".join(lines), encoding="utf-8")
    judged = (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    (out / "qrels.tsv").write_text("".join(judged[:1] + [line for line in judged[1:] if line.split("\t")[0] in ids]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
