"""Files without a suffix are read as what they are."""

from pathlib import Path

import pytest

from rag.core.errors import UnsupportedFormat
from rag.core.types import Document
from rag.loading import Source, load
from tests.loading.formats.made_files import MAKERS, article

KINDS = ("txt", "md", "html", "pdf", "docx", "pptx", "xlsx", "epub", "rtf", "eml", "odt", "zip")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["Minutes", "Minutes of 5.3.2024"])
def test_a_file_without_a_suffix_is_read_as_the_same_file_with_one(name: str, kind: str, tmp_path: Path) -> None:
    MAKERS[kind](tmp_path / f"a.{kind}", article(3))
    (tmp_path / name).write_bytes((tmp_path / f"a.{kind}").read_bytes())
    (known,) = load(Source(tmp_path / f"a.{kind}", "a"))
    (guessed,) = load(Source(tmp_path / name, "a"))
    assert isinstance(known, Document) and isinstance(guessed, Document)
    assert guessed.text == known.text
    assert guessed.format == ("text" if kind == "md" else known.format)


@pytest.mark.parametrize(
    "data",
    [
        b"\x7fELF\2\1\1\0" + bytes(200),
        bytes(range(1, 32)) * 9,
        b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff" + bytes(99),
    ],
)
def test_a_file_of_no_known_format_is_an_error_that_says_so(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(data)
    (error,) = load(Source(tmp_path / "program", "program"))
    assert isinstance(error, UnsupportedFormat) and "its content is of no known format" in error.message


def test_a_message_with_long_headers_is_a_message(tmp_path: Path) -> None:
    servers = "".join(f"Received: from server{n}.example.org\n" for n in range(200))
    (tmp_path / "letter").write_text(f"{servers}From: ann@example.org\nSubject: Plans\n\nThe ferry leaves at noon.\n")
    (document,) = load(Source(tmp_path / "letter", "letter"))
    assert isinstance(document, Document) and document.format == "mail" and document.title == "Plans"


def test_notes_that_begin_like_headers_are_text(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("Boat: Marlin\nOwner: Mona\n\nThe boat was sold.\n")
    (document,) = load(Source(tmp_path / "notes", "notes"))
    assert isinstance(document, Document) and document.format == "text"
