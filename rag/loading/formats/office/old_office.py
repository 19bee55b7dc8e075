"""Loads Office files of before 2007 (DOC, XLS, PPT) through LibreOffice, where that is installed.

It converts a copy to the newer format, whose loader reads it. Each file gets a profile of its own: macros are off, and
nothing that a file links to is fetched.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rag.core.errors import LoadError, UnreadableSource, UnsupportedFormat
from rag.core.types import Document
from rag.loading.isolation.heartbeat import report_alive
from rag.loading.sources import Source, read_source, source_sha256

NEWER_FORMATS = {".doc": "docx", ".xls": "xlsx", ".ppt": "pptx"}
MAX_CONVERSION_SECONDS = 180.0
_PROGRAMS = ("soffice", "libreoffice")
_NO_MACROS, _NO_LINKS = "DisableMacrosExecution", "BlockUntrustedRefererLinks"
_Load = Callable[[Source], Iterator[Document | LoadError]]


def load_old_office(source: Source, load: _Load) -> Iterator[Document | LoadError]:
    """Yield the documents of a file as those of its newer format. Raises LoadError."""
    program = next((path for name in _PROGRAMS if (path := shutil.which(name))), None)
    kind = source.path.suffix.lower()
    if program is None:
        what = f"{source.name} is of the Office format of before 2007."
        raise UnsupportedFormat(what, f"Install LibreOffice and index again, or save it as .{NEWER_FORMATS[kind]}.")
    sha256, data = source_sha256(source.path), read_source(source)
    with TemporaryDirectory() as folder:
        original = Path(folder) / f"original{kind}"
        original.write_bytes(data)
        converted = _converted(program, original, NEWER_FORMATS[kind], source.name)
        for item in load(replace(source, path=converted, display_name=source.name)):
            yield replace(item, source_sha256=sha256) if isinstance(item, Document) else item


def _converted(program: str, original: Path, kind: str, name: str) -> Path:
    """Return the path of a copy in another format, in the same folder. Raises UnreadableSource."""
    profile, output = original.parent / "profile", original.parent / "converted"
    (profile / "user").mkdir(parents=True)
    (profile / "user" / "registrymodifications.xcu").write_text(_profile(), encoding="utf-8")
    command = [program, f"-env:UserInstallation={profile.as_uri()}", "--headless", "--norestore"]
    report_alive(2 * MAX_CONVERSION_SECONDS)
    _run([*command, "--convert-to", kind, "--outdir", str(output), str(original)], name)
    path = output / f"original.{kind}"
    if not path.is_file():
        raise UnreadableSource(f"{name} could not be converted by LibreOffice.", "Save it in the newer format.")
    return path


def _profile() -> str:
    """Return settings by which nothing in a file is run or fetched."""
    path = "/org.openoffice.Office.Common/Security/Scripting"
    items = (
        f'<item oor:path="{path}"><prop oor:name="{name}" oor:op="fuse"><value>true</value></prop></item>'
        for name in (_NO_MACROS, _NO_LINKS)
    )
    opening = '<oor:items xmlns:oor="http://openoffice.org/2001/registry">'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{opening}{"".join(items)}</oor:items>\n'


def _run(command: list[str], name: str) -> None:
    """Run LibreOffice, and end it with all its processes if it takes too long."""
    environment = {**os.environ, "SAL_USE_VCLPLUGIN": "svp"}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        command, stdin=quiet, stdout=quiet, stderr=quiet, env=environment, start_new_session=True
    )
    try:
        process.wait(MAX_CONVERSION_SECONDS)
    except subprocess.TimeoutExpired:
        what = f"{name}: LibreOffice was stopped after {MAX_CONVERSION_SECONDS:.0f} seconds."
        raise UnreadableSource(what, "Save it in the newer format.") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
