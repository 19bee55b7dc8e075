"""Keeps the index of a corpus between evaluations, known by all that shapes it: corpus, settings, weights, code."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import mkdtemp

import rag
from rag.core.errors import EvaluationError
from rag.core.reports import Progress
from rag.core.settings import Settings
from rag.embedding.embedder import open_embedder
from rag.evaluation.datasets import Dataset, documents
from rag.evaluation.vectors import RememberingEmbedder
from rag.index.index import Index

SHAPING_PACKAGES = ("faiss-cpu", "langchain-text-splitters", "nupunkt", "sentence-transformers", "tantivy", "torch")
COST_FILE = "build.json"
VECTORS_FILE = "vectors.sqlite"


@dataclass(frozen=True)
class BuildCost:
    """What building took: clock and CPU seconds, passages made, how many of those were remembered, and failures.

    The seconds say what building costs only where no passage was remembered from an earlier build.
    """

    seconds: float
    cpu_seconds: float
    passages: int
    remembered: int
    failed: tuple[str, ...] = ()


def default_folder() -> Path:
    """Return `$XDG_CACHE_HOME/pincite/evaluation`, or the same below ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pincite" / "evaluation"


def cache_key(corpus_sha256: str, settings: Settings) -> str:
    """Return the name of the index of this corpus: settings that do not shape an index do not change it."""
    shaping, weights = json.dumps(settings.shaping(), sort_keys=True), _local_weights(settings.embedding_model)
    facts = [corpus_sha256, shaping, weights, code_sha256(), *map(_version, SHAPING_PACKAGES)]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:24]


def cached_index(
    dataset: Dataset, settings: Settings, folder: Path | None, progress: Callable[[Progress], None] | None = None
) -> tuple[Path, BuildCost]:
    """Return the folder of the data set's index, built now if it is not there, and what building it took.

    An index appears under its name whole or not at all, so an interrupted build leaves nothing that is taken for one.
    """
    folder = folder or default_folder()
    path = folder / f"{dataset.name}-{cache_key(dataset.corpus_sha256, settings)}"
    if not (path / COST_FILE).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(mkdtemp(prefix=f"{path.name}.", dir=folder))
        try:
            _build(dataset, work / "index", settings, folder / VECTORS_FILE, progress)
            shutil.rmtree(path, ignore_errors=True)
            (work / "index").rename(path)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    content = json.loads((path / COST_FILE).read_text(encoding="utf-8"))
    return path, BuildCost(**{**content, "failed": tuple(content["failed"])})


def _build(
    dataset: Dataset, path: Path, settings: Settings, vectors: Path, progress: Callable[[Progress], None] | None
) -> None:
    clock, cpu = time.perf_counter(), time.process_time()
    embedder = RememberingEmbedder(open_embedder(settings), vectors, settings.embedding_runtime)
    index = Index.build(documents(dataset.folder), path, settings, progress, embedder)
    failed = tuple(source for source, _ in index.report.failed)
    passages = index.manifest.chunks
    index.close()
    embedder.close()
    if not passages:
        raise EvaluationError(f"No passage of {dataset.folder / 'corpus.jsonl'} could be indexed.", "Check its texts.")
    spent = time.perf_counter() - clock, time.process_time() - cpu
    cost = BuildCost(*spent, passages, embedder.remembered, failed)
    (path / COST_FILE).write_text(json.dumps(asdict(cost)), encoding="utf-8")


@cache
def code_sha256() -> str:
    """Return the hash of every `.py` and `.toml` file of the package, each with its path.

    An index depends on the code that made it. Hashing all of the package costs 20 ms and forgets no module.
    """
    package, digest = Path(rag.__file__).parent, hashlib.sha256()
    for path in sorted(path for path in package.rglob("*") if path.suffix in (".py", ".toml")):
        digest.update(f"{path.relative_to(package).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _local_weights(model: str) -> str:
    """Return size and time of the files of a local model, which may change under one name."""
    files = sorted(file for file in Path(model).rglob("*") if file.is_file()) if Path(model).is_dir() else []
    return " ".join(f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files)


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} none"
