"""Caches the index of a corpus between evaluations, keyed by corpus, settings, weights and code."""

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
    """The cost of a build: clock and CPU seconds, passages, how many of them came from the cache, and failures.

    The seconds are the full cost only if no passage came from the cache.
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
    """Return the name of this corpus's index. Only settings that shape an index change the name."""
    shaping, weights = json.dumps(settings.shaping(), sort_keys=True), _local_weights(settings.embedding_model)
    facts = [corpus_sha256, shaping, weights, code_sha256(), *map(_version, SHAPING_PACKAGES)]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:24]


def cached_index(
    dataset: Dataset, settings: Settings, folder: Path | None, progress: Callable[[Progress], None] | None = None
) -> tuple[Path, BuildCost]:
    """Return the folder of the data set's index, which is built if it does not exist, and the cost of its build.

    A build is renamed to its final name when it is complete, so an interrupted build is never used.
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
    seconds = time.perf_counter() - clock, time.process_time() - cpu
    cost = BuildCost(*seconds, passages, embedder.remembered, failed)
    (path / COST_FILE).write_text(json.dumps(asdict(cost)), encoding="utf-8")


@cache
def code_sha256() -> str:
    """Return the hash of the package's code, computed once in a process."""
    return package_sha256(Path(rag.__file__).parent)


def package_sha256(package: Path) -> str:
    """Return the hash of every `.py` and `.toml` file below a folder, each with its path.

    An index depends on the code that made it. Hashing all of the package costs 20 ms and forgets no module.
    """
    digest = hashlib.sha256()
    for path in sorted(path for path in package.rglob("*") if path.suffix in (".py", ".toml")):
        digest.update(f"{path.relative_to(package).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _local_weights(model: str) -> str:
    """Return size and time of a local model's files, because they may change under one name."""
    files = sorted(file for file in Path(model).rglob("*") if file.is_file()) if Path(model).is_dir() else []
    return " ".join(f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files)


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} none"
