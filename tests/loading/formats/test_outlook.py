"""Outlook messages: headers, each kind of body, and attachments are kept; damaged files are errors and never loops."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from rag.core.errors import LoadError, UnreadableSource
from rag.core.types import Document
from rag.loading import Source, load
from rag.loading.formats.containers.compound_file import CompoundFile
from rag.loading.formats.containers.outlook import decompressed_rtf
from tests.loading.formats.made_msg import Tree, compound_file, message, plain_rtf

SUBJECT, BODY, SENDER, ADDRESS, TO = 0x37, 0x1000, 0x0C1A, 0x5D01, 0x0E04
TEXTS = {SUBJECT: "Größe der Lampe", SENDER: "Ann Lee", ADDRESS: "ann@example.org", TO: "Bo"}
SENT = datetime(2024, 5, 3, 8, 30, tzinfo=UTC)
COMPRESSED = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
)
"""The first example of [MS-OXRTFCP]."""


def read(tmp_path: Path, tree: Tree) -> list[Document | LoadError]:
    (tmp_path / "a.msg").write_bytes(compound_file(tree))
    return list(load(Source(tmp_path / "a.msg", "a.msg")))


def document(tmp_path: Path, tree: Tree) -> Document:
    (only,) = read(tmp_path, tree)
    assert isinstance(only, Document)
    return only


def test_headers_and_body_are_the_text_and_the_date_is_known(tmp_path: Path) -> None:
    one = document(tmp_path, message({**TEXTS, BODY: "The lamp burns.\r\n\r\nIt is 4 m high."}, sent=SENT))
    head = (
        "Subject: Größe der Lampe\n\nFrom: Ann Lee <ann@example.org>\n\nTo: Bo\n\nDate: Fri, 03 May 2024 08:30:00 +0000"
    )
    assert one.text == f"{head}\n\nThe lamp burns.\n\nIt is 4 m high."
    assert (one.title, one.metadata["published_at"]) == ("Größe der Lampe", "2024-05-03")


def test_text_in_an_old_code_page_is_read(tmp_path: Path) -> None:
    assert "Größe der Lampe" in document(tmp_path, message({**TEXTS, BODY: "naïve"}, code_page=1252)).text
    assert "лампа" in document(tmp_path, message({SUBJECT: "a", BODY: "лампа горит"}, code_page=1251)).text


def test_a_full_html_body_stands_before_a_stub(tmp_path: Path) -> None:
    html = "<p>The lamp burns 30 litres of café oil.</p>".encode()
    one = document(tmp_path, message({**TEXTS, BODY: "see HTML"}, html, code_page=0))
    assert one.text.endswith("\n\nThe lamp burns 30 litres of café oil.")


def test_a_body_of_rich_text_alone_is_read(tmp_path: Path) -> None:
    rtf = rb"{\rtf1\ansi The lamp burns {\v not }oil.\par}"
    assert document(tmp_path, message(TEXTS, rtf=plain_rtf(rtf))).text.endswith("\n\nThe lamp burns oil.")


def test_compressed_rich_text_is_unpacked_as_published() -> None:
    assert decompressed_rtf(COMPRESSED) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"


@pytest.mark.parametrize("data", [b"", COMPRESSED[:15], COMPRESSED[:8] + b"XXXX" + COMPRESSED[12:]])
def test_damaged_rich_text_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        decompressed_rtf(data)


def test_attachments_and_messages_within_are_documents_of_their_own(tmp_path: Path) -> None:
    inner = message({SUBJECT: "Inner", BODY: "The horn was added in 1911."}, is_embedded=True, sent=SENT)
    files: Tree = {
        "größe.txt": b"The tug is called Marlin. " * 300,
        "Inner": inner,
        "a.bin": b"\x7fELF\2\1\1\0" + bytes(99),
    }
    outer, text, embedded, unknown = read(tmp_path, message({**TEXTS, BODY: "See below."}, attachments=files))
    assert isinstance(outer, Document) and isinstance(text, Document) and isinstance(embedded, Document)
    assert (text.id, len(text.text)) == ("a.msg/größe.txt", 26 * 300)
    assert embedded.id == "a.msg/Inner.eml" and embedded.text.endswith("\n\nThe horn was added in 1911.")
    assert isinstance(unknown, LoadError) and "a.bin" in unknown.message


def test_a_large_file_of_many_sectors_is_read_whole() -> None:
    tree: Tree = {f"stream {i}": bytes([i]) * (i * 1_000) for i in range(1, 100)}
    file = CompoundFile(compound_file(tree))
    assert {path: file.read(path) for path in file.streams} == tree


def test_cut_off_and_damaged_files_are_errors_with_a_remedy(tmp_path: Path) -> None:
    whole = compound_file(message({**TEXTS, BODY: "x" * 5_000}))
    path = tmp_path / "a.msg"
    for damaged in (*(whole[:length] for length in (0, 8, 400, 512, 1_000)), whole[:512] + b"\xff" * (len(whole) - 512),
                    compound_file({"WordDocument": b"x" * 20})):  # fmt: skip
        path.write_bytes(damaged)
        (error,) = load(Source(path, "a.msg"))
        assert isinstance(error, UnreadableSource) and error.remedy and "\n" not in str(error)


def test_a_chain_that_runs_in_a_circle_ends() -> None:
    data = bytearray(compound_file({"a": b"x" * 9_000}))
    fat = 512 + 512 * int.from_bytes(data[0x4C:0x50], "little")
    data[fat : fat + 8] = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
    assert len(CompoundFile(bytes(data)).read("a")) == 9_000
