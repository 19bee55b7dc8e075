"""Finds the files below the paths a user gives, and opens them safely.

Nothing that is not a regular file is ever opened: a named pipe or a device would wait for ever.
"""

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from io import BufferedReader
from pathlib import Path

from rag.core.errors import SourceNotFound, UnreadableSource
from rag.core.settings import Settings

SOURCE_CODE_SUFFIXES = (
    ".c", ".cc", ".cpp", ".cs", ".go", ".h", ".hpp", ".ini", ".java", ".js", ".kt", ".lua", ".php", ".pl", ".ps1",
    ".py", ".r", ".rb", ".rs", ".scala", ".sh", ".sql", ".swift", ".toml", ".ts", ".yaml", ".yml",
)  # fmt: skip
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
PLAIN_TEXT_SUFFIXES = (".txt", ".text", ".log", ".ics", ".adoc", ".asciidoc", ".org", ".textile")
SUFFIXES = (
    ".md", ".markdown", ".jsonl", ".jsonl.gz", ".html", ".htm", ".xhtml", ".pdf", ".docx", ".docm", ".dotx", ".dotm",
    ".pptx", ".pptm", ".potx", ".potm", ".ppsx", ".ppsm", ".doc", ".xls", ".ppt", ".xlsx", ".xlsm", ".xltx", ".xltm",
    ".epub", ".rtf", ".rst", ".odt", ".ods", ".odp", ".ott", ".ots", ".otp", ".srt", ".vtt", ".ipynb", ".eml", ".mbox",
    ".msg", ".csv", ".tsv", ".json", ".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".gz",
    ".bz2", ".xz", ".tex", ".xml", ".nxml", ".mhtml", ".mht", *PLAIN_TEXT_SUFFIXES, *PICTURE_SUFFIXES,
    *SOURCE_CODE_SUFFIXES,
)  # fmt: skip
"""Suffixes that the loaders read."""
MAX_FILE_BYTES = 64 * 1024 * 1024
"""Bytes of the largest file, or characters of the longest text, of one document: it is in memory as a whole."""
UPLOADS = "uploads"
"""Folder of an index with the files that visitors handed in."""


@dataclass(frozen=True)
class Source:
    """A file to load: its path on disk and its document id.

    `display_name` is its name in messages if that is not its path: `a.zip/b.txt`. `text_column` names the column that
    holds the text of rows; if it is empty, one of the usual names. `depth` counts the archives and messages around it.
    `links` are the paths of the links that lead to the same file. `ocr` and `ocr_language` are the settings of these
    names: how pictures of text are read.
    """

    path: Path
    document_id: str
    display_name: str = ""
    text_column: str = ""
    depth: int = 0
    links: tuple[str, ...] = ()
    ocr: str = "auto"
    ocr_language: str = ""

    def read_as(self, settings: Settings) -> "Source":
        """Return the source with the settings that say how files are read."""
        return replace(self, text_column=settings.text_column, ocr=settings.ocr, ocr_language=settings.ocr_language)

    def known_as(self, document_id: str) -> "Source":
        """Return the source under another id."""
        return replace(self, document_id=document_id)

    @property
    def name(self) -> str:
        """Return how messages and citations name the file, in text that can be stored."""
        return self.display_name or printable_path(self.path)


@dataclass(frozen=True)
class _SourceFile:
    root: Path
    relative: str
    path: Path
    links: tuple[str, ...] = ()


def discover(paths: Iterable[str | Path]) -> list[Source]:
    """Return the files at and below `paths`, in order of document id.

    Hidden files and folders are skipped, links are followed once: if several names lead to a file, it is listed at its
    real place, with its `links`. Files of unknown kind, broken links and folders without permission are listed too:
    `load` reports them. An id is the path relative to the folder in `paths`; if two folders hold the same one, both
    ids get the folder's name in front. Raises SourceNotFound if a path does not exist, or if there is no file at all.
    """
    roots = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    files: dict[str, _SourceFile] = {}
    for path in roots:
        if str(path).lower().startswith(("http:/", "https:/")):
            what = f"{printable_path(path)} is a web address, and no file."
            raise SourceNotFound(
                what, "Read it by `rag index --allow-network`, or rag.loading.formats.markup.web.load_url."
            )
        if not os.path.lexists(path):
            raise SourceNotFound(f"There is nothing at {printable_path(path)}.", "Check the path and its spelling.")
        for item in _below(path):
            files.setdefault(os.path.abspath(item.path), item)
    if not files:
        where = ", ".join(printable_path(path) for path in roots) or "an empty list of paths"
        raise SourceNotFound(f"No file was found in {where}.", f"Give files or folders with {', '.join(SUFFIXES)}.")
    return sorted(_named(_each_once(files)), key=lambda source: source.document_id)


def place_of(path: str | Path, folder: Callable[[str], str] = os.path.realpath) -> str:
    """Return the real path of a file; if the file itself is a broken link, the path of that link.

    `folder` resolves its folder: a caller with many files in few folders passes a cache.
    """
    path = os.path.abspath(path)
    place = os.path.join(folder(os.path.dirname(path)), os.path.basename(path))
    there = os.path.realpath(place) if os.path.islink(place) else place
    return there if there == place or os.path.exists(there) else place


def source_sha256(path: Path) -> str:
    """Return the sha256 of the file's bytes in hexadecimal, read in pieces.

    Raises UnreadableSource.
    """
    try:
        with open_source(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error


def open_source(path: Path) -> BufferedReader:
    """Return the file opened for reading bytes.

    Raises UnreadableSource if it is not a regular file, is gone or may not be read.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            return path.open("rb")
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    kind = "a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device"
    raise UnreadableSource(f"{printable_path(path)} is {kind} that cannot be read as a file.", "Give a regular file.")


def read_source(source: Source) -> bytes:
    """Return the whole file. Raises UnreadableSource, also for one of more than MAX_FILE_BYTES bytes."""
    try:
        with open_source(source.path) as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise unreadable(source.path, error) from error
    if len(data) > MAX_FILE_BYTES:
        raise too_large(source, "the file")
    return data


def checked_path(path: Path) -> Path:
    """Return the path, for a library that opens files itself. Raises UnreadableSource as `open_source` does."""
    with open_source(path):
        return path


def too_large(source: Source, what: str) -> UnreadableSource:
    """Return the error of a file or text that is too large for one document."""
    size = f"{MAX_FILE_BYTES // 1024 // 1024} million"
    return UnreadableSource(f"{source.name}: {what} is longer than {size} bytes or characters.", "Split it.")


def unreadable(path: Path, error: Exception) -> UnreadableSource:
    """Return the error that says why the system refused the file and what to do about it."""
    name = printable_path(path)
    if isinstance(error, PermissionError):
        return UnreadableSource(f"{name}: permission to read it is denied.", "Change its permissions or leave it out.")
    if isinstance(error, FileNotFoundError):
        what = "is a link to a file that is not there" if path.is_symlink() else "is gone"
        return UnreadableSource(f"{name} {what}.", "Put the file back or leave it out.")
    reason = getattr(error, "strerror", None) or str(error)
    return UnreadableSource(f"{name} cannot be read: {reason}.", "Check the file and the disk it is on.")


def printable_path(path: Path | str) -> str:
    """Return the path as text that can be stored and shown: bytes that are not UTF-8 become backslash escapes."""
    return os.fspath(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _each_once(found: dict[str, _SourceFile]) -> list[_SourceFile]:
    """Return each file once, with its real path, or with the first of its links if the file itself is outside."""
    folder = lru_cache(maxsize=None)(os.path.realpath)
    met: dict[str, list[tuple[bool, str]]] = {}
    for path in found:
        place = place_of(path, folder)
        met.setdefault(place, []).append((place != path, path))
    ordered = (sorted(several) for several in met.values())
    return [
        replace(found[first], links=tuple(printable_path(found[other].path) for _, other in others))
        for (_, first), *others in ordered
    ]


def _below(root: Path) -> Iterator[_SourceFile]:
    if not root.is_dir():
        yield _SourceFile(root.parent, root.name, root)
        return
    entered: set[str] = set()
    pending = [root]
    # Real folders are walked before links to folders, so that the id of a file comes from its real path.
    while pending:
        folder = pending.pop(0)
        if os.path.realpath(folder) not in entered:
            files, links = _walk(folder, entered)
            pending += links
            yield from (_SourceFile(root, path.relative_to(root).as_posix(), path) for path in files)


def _walk(top: Path, entered: set[str]) -> tuple[list[Path], list[Path]]:
    """Return the files below `top` and the links to folders met on the way; adds each folder to `entered`."""
    files: list[Path] = []
    links: list[Path] = []
    refused: list[Path] = []
    for name, folders, names in os.walk(top, onerror=lambda error: refused.append(Path(error.filename))):
        here = Path(name)
        entered.add(os.path.realpath(here))
        folders[:] = sorted(folder for folder in folders if not folder.startswith("."))
        links += [here / folder for folder in folders if (here / folder).is_symlink()]
        files += [here / file for file in names if not file.startswith(".") and _is_listed(here / file)]
    return files + refused, links


def _is_listed(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True


def _named(found: list[_SourceFile]) -> Iterator[Source]:
    depths = [0] * len(found)
    while True:
        ids = [_id(item, depth) for item, depth in zip(found, depths, strict=True)]
        counts = Counter(ids)
        rising = [n for n, name in enumerate(ids) if counts[name] > 1 and depths[n] < len(_parents(found[n]))]
        if not rising:
            return (Source(item.path, name, links=item.links) for item, name in zip(found, ids, strict=True))
        for n in rising:
            depths[n] += 1


def _parents(item: _SourceFile) -> tuple[str, ...]:
    return Path(os.path.abspath(item.root)).parts[1:]


def _id(item: _SourceFile, depth: int) -> str:
    parents = _parents(item)
    return printable_path("/".join((*parents[len(parents) - depth :], item.relative)))
