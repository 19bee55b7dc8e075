"""Reads the manifest of an index and the folders of its versions.

    index/manifest.json         names the current version and the sha256 of each of its files
    index/v000012/              documents.sqlite, vectors.faiss, words/ and more: written once, never changed
    index/v000013.partial/      the next version while it is written; the next writer removes it if this one is killed
    index/lock, index/writer    the lock of the writing process, and its name

A kill at any moment leaves the manifest of the last commit, and with it all of its files.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.core.errors import IndexCorrupt, IndexNotFound, IndexVersionMismatch
from rag.core.files.hashed_json import hashed_content
from rag.index.storage.remedies import BUILD_AGAIN

INDEX_FORMAT = 3
MANIFEST = "manifest.json"
UNFINISHED = "unfinished.sqlite"
"""The vectors of a write that is not yet committed (`rag.index.writing.embedding_cache`)."""
DOCUMENTS, WORDS = "documents.sqlite", "words"
CALIBRATION = "calibration.json"
"""The confidence that a user fitted (`rag.answering.confidence`), in the folder of the index."""
STANDING = "standing.json"
"""Standing questions and what became of their answers (`rag.standing`), in the folder of the index."""
RECORD_REMEDIES = {CALIBRATION: "`rag calibrate` fits a new one", STANDING: "`rag standing add` begins again"}
"""Records of a user that no version of an index holds, each with its own hash, and what replaces a damaged one."""
FEEDBACK, TOKENS, CRAWLS = "feedback.jsonl", "tokens.json", "crawls.json"
"""Verdicts of readers (`rag.answering.feedback`) and tokens of programs (`rag.server.api.tokens`), beside it."""
_VERSION = re.compile(r"v(\d{6,})(\.partial)?")


@dataclass(frozen=True)
class Manifest:
    """The version of an index, its settings and embedder, its counts, and the size and hash of each file."""

    version: int
    fingerprint: str
    embedder: Mapping[str, Any]
    settings: Mapping[str, Any]
    documents: int
    chunks: int
    files: Mapping[str, Mapping[str, Any]]
    package: str
    format: int = INDEX_FORMAT

    @property
    def folder(self) -> str:
        """Return the name of the version's folder."""
        return f"v{self.version:06d}"


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of the index at `path`.

    Raises IndexNotFound, IndexCorrupt, or IndexVersionMismatch for another format.
    """
    file = path / MANIFEST
    try:
        content = hashed_content(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise IndexNotFound(f"There is no index at {path}.", "Build one: rag index PATH --index FOLDER") from None
    except PermissionError:
        raise IndexCorrupt(f"{file} may not be read.", "Change its permissions.") from None
    except (OSError, ValueError) as error:
        raise IndexCorrupt(f"{file} is damaged: {error}.", BUILD_AGAIN) from error
    if content.get("format") != INDEX_FORMAT:
        what = f"The index at {path} has format {content.get('format')}, this version reads {INDEX_FORMAT}."
        raise IndexVersionMismatch(what, BUILD_AGAIN)
    try:
        return Manifest(**content)
    except TypeError as error:
        raise IndexVersionMismatch(
            f"{file} was written by another version of this package: {error}.", BUILD_AGAIN
        ) from None


def sizes(path: Path) -> dict[int, int]:
    """Return the size in bytes of each complete version, by its number, in order."""
    return {
        number: sum(file.stat().st_size for file in files_in(folder))
        for folder, number, partial in versions_in(path)
        if not partial
    }


def index_files_among(files: Iterable[Path], path: Path) -> set[Path]:
    """Return the members of `files` that belong to the index at `path`, which may lie among the documents."""
    here = os.path.realpath(path) + os.sep
    paths = ((file, os.path.realpath(file)) for file in files)
    names = ((file, path.removeprefix(here).split(os.sep)[0]) for file, path in paths if path.startswith(here))
    own = (MANIFEST, f"{MANIFEST}.partial", CALIBRATION, STANDING, FEEDBACK, TOKENS, CRAWLS, "lock", "writer")
    return {
        file for file, name in names if name in own or _VERSION.fullmatch(name) or name.startswith(UNFINISHED)
    }  # fmt: skip


def versions_in(path: Path) -> Iterator[tuple[Path, int, bool]]:
    """Yield the folder of each version, its number, and whether it is partial. Other files are ignored."""
    for folder in sorted(path.iterdir()):
        match = _VERSION.fullmatch(folder.name)
        if match and folder.is_dir():
            yield folder, int(match[1]), bool(match[2])


def files_in(folder: Path) -> list[Path]:
    """Return the files of a version in order, without the lock files of libraries."""
    return sorted(file for file in folder.rglob("*") if file.is_file() and not file.name.endswith(".lock"))
