"""Loads the files inside ZIP and TAR archives and single compressed files, in memory bounds, without a path on disk."""

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, BinaryIO

from rag.core.errors import EmptyDocument, LoadError, UnreadableSource
from rag.core.types import Document
from rag.loading.members import load_member
from rag.loading.sources import MAX_FILE_BYTES, Source, open_source, too_large

MAX_UNPACKED_BYTES = 2 * 1024 * 1024 * 1024
"""Unpacked bytes of all members together."""
MAX_UNPACKING_RATIO = 200
"""Unpacked over packed bytes of an archive above MAX_FILE_BYTES: texts grow some five times, a bomb a thousandfold."""
MAX_MEMBERS = 100_000
_Load = Callable[[Source], Iterator[Document | LoadError]]
_Member = tuple[str, int, Callable[[], IO[bytes] | None]]
"""Name, unpacked bytes as the archive says, and how to open it."""
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    OSError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


def load_zip(source: Source, load: _Load) -> Iterator[Document | LoadError]:
    """Yield the documents of the members of a ZIP file, each read with `load`. Raises LoadError."""
    with open_source(source.path) as file:
        try:
            archive = zipfile.ZipFile(file)
        except _DAMAGED as error:
            raise _damaged(source, error) from error
        with archive:
            members: Iterator[_Member] = (
                (info.filename, info.file_size, lambda info=info: archive.open(info))  # type: ignore[misc]
                for info in archive.infolist()
                if not info.is_dir()
                and (info.external_attr >> 28) in (0, 8)  # a regular file, or no type, because the system has none
            )
            yield from _loaded(source, members, load, sequential=False)


def load_tar(source: Source, load: _Load) -> Iterator[Document | LoadError]:
    """Yield the documents of the regular files of a TAR archive, compressed or not. Raises LoadError."""
    with open_source(source.path) as file:
        try:
            with _tar_opened(source, file) as archive:
                members: Iterator[_Member] = (
                    (info.name, info.size, lambda info=info: archive.extractfile(info))  # type: ignore[misc]
                    for info in archive
                    if info.isreg()
                )
                yield from _loaded(source, members, load, sequential=True)
        except _DAMAGED as error:
            raise _damaged(source, error) from error


def load_compressed(source: Source, load: _Load) -> Iterator[Document | LoadError]:
    """Yield the documents of the file that a GZ, BZ2 or XZ file packs, by the rest of its name. Raises LoadError."""
    name, _, packing = (source.display_name or source.path.name).rpartition("/")[2].rpartition(".")
    opened: dict[str, Any] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
    with open_source(source.path) as file:
        try:
            with opened[packing.lower()](file) as unpacked:
                data = unpacked.read(MAX_FILE_BYTES + 1)
        except _DAMAGED as error:
            raise _damaged(source, error) from error
    if len(data) > MAX_FILE_BYTES:
        raise too_large(source, f"its file {name!r}")
    yield from load_member(source, name, data, load)


def _loaded(
    source: Source, members: Iterator[_Member], load: _Load, sequential: bool
) -> Iterator[Document | LoadError]:
    """Yield the documents of the members. Large members are skipped; a `sequential` archive reads past them."""
    total = member_count = 0
    most = min(MAX_UNPACKED_BYTES, max(MAX_FILE_BYTES, MAX_UNPACKING_RATIO * source.path.stat().st_size))
    for name, size, opened in members:
        if name.rpartition("/")[2].startswith(".") or name.startswith("__MACOSX/"):
            continue
        member_count += 1
        total += size if sequential or size <= MAX_FILE_BYTES else 0
        if total > most or member_count > MAX_MEMBERS:
            what = f"{source.name} unpacks to more than {most} bytes or {MAX_MEMBERS} files; reading stops at {name!r}."
            raise UnreadableSource(what, "Unpack it, if you trust it, and index the folder.")
        if size > MAX_FILE_BYTES:
            yield too_large(source, f"its member {name!r}")
        else:
            yield from _member(source, name, opened, load, sequential)
    if not member_count:
        raise EmptyDocument(f"{source.name} holds no files.", "Leave it out.")


def _member(
    source: Source, name: str, opened: Callable[[], IO[bytes] | None], load: _Load, sequential: bool
) -> Iterator[Document | LoadError]:
    try:
        file = opened()
        data = file.read() if file else b""  # both readers stop at the declared size
    except _DAMAGED as error:
        if sequential:
            raise  # because nothing behind it can be read either
        reason = "it is encrypted" if "password" in str(error) else str(error)
        yield UnreadableSource(f"{source.name}/{name!r}: {reason}.", "Unpack it, or pack it again.")
        return
    yield from load_member(source, name, data, load)


def _tar_opened(source: Source, file: BinaryIO) -> tarfile.TarFile:
    """Open the archive in the compression of its suffix: trying each takes minutes if a large file is no archive."""
    name = source.path.name.lower()
    if name.endswith(("gz", "bz2", "xz")):
        packing = "gz" if name.endswith("gz") else "bz2" if name.endswith("bz2") else "xz"
        return tarfile.open(fileobj=file, mode=f"r:{packing}")  # type: ignore[call-overload, no-any-return]
    return tarfile.open(fileobj=file, mode="r:")


def _damaged(source: Source, error: Exception) -> UnreadableSource:
    reason = " ".join(str(error).split()) or type(error).__name__
    return UnreadableSource(f"{source.name} is cut off or damaged: {reason}.", "Download or pack it again.")
