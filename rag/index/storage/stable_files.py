"""Opens files for libraries that map them into memory, so that a file that changes later cannot end the process.

If a mapped file is cut, the kernel ends the process that reads the lost part (SIGBUS), and no Python code can catch it.
Small files are therefore read into private memory, so later changes of the file do not matter. Large files stay mapped.
Their size and time of change are compared before each use, so a file that was cut or rewritten in place raises
IndexCorrupt. Replacing a file by a rename is always safe, because the old file stays open.
"""

import os
import weakref
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from rag.core.errors import IndexCorrupt
from rag.index.storage.remedies import REPAIR_OR_BUILD

MAX_PRIVATE_BYTES = 64_000_000
"""Files up to this size are read into memory; 64 MB take about 20 ms."""


class GuardedFiles:
    """Files that a library has mapped. They stay open to notice if one of them is cut or rewritten in place."""

    def __init__(self, files: Iterable[Path] = ()) -> None:
        """Open the files. Raises IndexCorrupt if one cannot be opened."""
        self._states: dict[int, tuple[Path, tuple[int, int]]] = {}
        self.close = weakref.finalize(self, _close, self._states)
        for file in files:
            try:
                descriptor = os.open(file, os.O_RDONLY)
            except OSError as error:
                self.close()
                raise IndexCorrupt(f"{file} cannot be read: {error.strerror}.", REPAIR_OR_BUILD) from error
            self._states[descriptor] = file, _state(descriptor)

    def require_unchanged(self) -> None:
        """Raise IndexCorrupt if a file has another size or time of change than when it was opened."""
        for descriptor, (file, state) in self._states.items():
            if _state(descriptor) != state:
                raise IndexCorrupt(f"{file} was changed while it was in use.", REPAIR_OR_BUILD)


def is_small(*files: Path) -> bool:
    """Tell whether files together are small enough to be read into memory."""
    return sum(file.stat().st_size for file in files) <= MAX_PRIVATE_BYTES


@contextmanager
def stable_folder(folder: Path) -> Iterator[tuple[Path, GuardedFiles]]:
    """Give a folder from which a library can map the files of `folder`, and the guard of the files it maps.

    The folder disappears when the context ends; the library has opened its files by then. Large files stand in it as
    links. If they stood there themselves, a thread of tantivy that looks for a new `meta.json` would read them once
    more, at any time after they were opened, and nothing could guard that.
    """
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.endswith(".lock"))
    with ExitStack() as stack:
        try:
            copies = stack.enter_context(_private_copies(files)) if is_small(*files) else None
        except OSError:
            copies = None  # no memory or no temporary folder for a copy: then the files themselves are mapped
        if copies is not None:
            yield copies, GuardedFiles()
            return
        guard = GuardedFiles(files)
        # The thread may put a lock file there while the folder is removed.
        links = Path(stack.enter_context(TemporaryDirectory(prefix="pincite-", ignore_cleanup_errors=True)))
        for file in files:
            (links / file.name).symlink_to(file.absolute())
        yield links, guard


@contextmanager
def _private_copies(files: Iterable[Path]) -> Iterator[Path]:
    """Give a folder with copies of the files, in memory if the system has files there."""
    in_memory = hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd")
    with ExitStack() as stack:
        copies = Path(stack.enter_context(TemporaryDirectory(prefix="pincite-", ignore_cleanup_errors=True)))
        for file in files:
            target = copies / file.name
            if in_memory:
                descriptor = os.memfd_create(file.name)
                stack.callback(os.close, descriptor)
                with open(descriptor, "wb", closefd=False) as copy:
                    copy.write(file.read_bytes())
                target.symlink_to(f"/proc/self/fd/{descriptor}")
            else:
                target.write_bytes(file.read_bytes())
        yield copies


def _state(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns


def _close(states: dict[int, tuple[Path, tuple[int, int]]]) -> None:
    for descriptor in states:
        os.close(descriptor)
    states.clear()
