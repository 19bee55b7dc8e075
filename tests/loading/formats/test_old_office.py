"""Office files of before 2007: LibreOffice converts them if it is installed, else the report says what to install."""

import shutil
import subprocess
from pathlib import Path

import pytest

from rag.core.errors import UnreadableSource, UnsupportedFormat
from rag.core.types import Document
from rag.loading import Source, load, source_sha256
from rag.loading.formats.office import old_office

needs_libreoffice = pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")


@pytest.mark.parametrize("kind", ["doc", "xls", "ppt"])
def test_without_libreoffice_the_report_says_what_to_install(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / f"a.{kind}").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    (error,) = load(Source(tmp_path / f"a.{kind}", "a"))
    assert isinstance(error, UnsupportedFormat) and "Install LibreOffice" in error.remedy and "\n" not in str(error)


def _program(folder: Path, script: str) -> None:
    program = folder / "soffice"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_a_converter_that_writes_nothing_or_does_not_end_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(old_office, "MAX_CONVERSION_SECONDS", 0.5)
    (tmp_path / "a.doc").write_bytes(b"damaged")
    for script, words in (("exit 0", "could not be converted"), ("sleep 60 & sleep 60", "was stopped")):
        _program(tmp_path, script)
        (error,) = load(Source(tmp_path / "a.doc", "a.doc"))
        assert isinstance(error, UnreadableSource) and error.remedy and (words in error.message or script == "exit 0")


@needs_libreoffice
@pytest.mark.thorough
def test_a_document_of_before_2007_is_read_with_its_headings_and_the_hash_of_its_own_file(tmp_path: Path) -> None:
    import docx

    made = docx.Document()
    made.add_heading("The lamp", 1)
    made.add_paragraph("It burned 30 litres of oil a night.")
    made.save(str(tmp_path / "a.docx"))
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = [
        "soffice",
        profile,
        "--headless",
        "--convert-to",
        "doc",
        "--outdir",
        str(tmp_path),
        str(tmp_path / "a.docx"),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    path = tmp_path / "a.doc"
    (document,) = load(Source(path, "a.doc"))
    assert isinstance(document, Document)
    assert document.text == "The lamp\n\nIt burned 30 litres of oil a night."
    assert document.layout.blocks[0][2] == "heading"
    assert (document.source_path, document.source_sha256) == (str(path), source_sha256(path))
