"""Broken and hostile files: each is a clear line in the report, in bounded memory, and the others are read."""

import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from rag.core.errors import LoadError, UnreadableSource
from rag.core.types import Document
from rag.index.writing.ingest import Ingest
from rag.loading import LOADERS, Source, discover, load
from tests.loading.formats.made_files import MAKERS, article, html, make_files

if TYPE_CHECKING:
    from rag.embedding.embedder import SentenceTransformerEmbedder

SPARSE_TOO = (
    "html",
    "docx",
    "pptx",
    "xlsx",
    "epub",
    "rtf",
    "rst",
    "eml",
    "csv",
    "json",
    "jsonl",
    "zip",
    "tar",
    "tar.gz",
)
ENOUGH = 2 * 1024**3
SENTENCE = "The committee met on Monday and agreed that the bridge should be closed until the inspection is finished."


def loaded(path: Path) -> tuple[list[Document], list[LoadError]]:
    found = list(load(Source(path, path.name)))
    return [item for item in found if isinstance(item, Document)], [
        item for item in found if isinstance(item, LoadError)
    ]


def failure(path: Path) -> LoadError:
    documents, errors = loaded(path)
    assert not documents and len(errors) == 1, (documents, errors)
    assert path.name in errors[0].message and errors[0].remedy and "\n" not in str(errors[0])
    return errors[0]


def in_own_process(path: Path, seconds: int = 600) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).with_name("memory.py")), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds)
    result: dict[str, Any] = json.loads(done.stdout)
    assert result["peak"] < ENOUGH, result
    return result


def encrypted_pdf(path: Path) -> Path:
    canvas = Canvas(str(path), encrypt=StandardEncryption("user", "owner", strength=128))
    canvas.drawString(72, 700, "secret")
    canvas.save()
    return path


def bomb(path: Path, size: int = 100_000_000) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("sound.txt", SENTENCE)
        archive.writestr("bomb.txt", b"\0" * size)
        archive.writestr("also sound.txt", SENTENCE + " Twice.")
    return path


def sparse(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(1024**3)
    return path


class TestPdf:
    def test_an_encrypted_one_says_so(self, tmp_path: Path) -> None:
        assert "password" in failure(encrypted_pdf(tmp_path / "a.pdf")).message

    @pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
    def test_a_truncated_one_is_damaged(self, share: float, tmp_path: Path) -> None:
        MAKERS["pdf"](tmp_path / "whole.pdf", article(1))
        data = (tmp_path / "whole.pdf").read_bytes()
        (tmp_path / "cut.pdf").write_bytes(data[: int(len(data) * share)])
        assert "cut off or damaged" in failure(tmp_path / "cut.pdf").message

    def test_blank_pages_are_no_fault_and_the_others_keep_their_numbers(self, tmp_path: Path) -> None:
        canvas = Canvas(str(tmp_path / "a.pdf"))
        for text in ("", "One.", "", "", "", "Two."):
            canvas.drawString(72, 700, text)
            canvas.showPage()
        canvas.save()
        (document,), errors = loaded(tmp_path / "a.pdf")
        assert document.text == "One.\n\nTwo."
        assert len(document.layout.pages) == 6 and errors == []

    def test_a_file_of_blank_pages_is_reported(self, tmp_path: Path) -> None:
        canvas = Canvas(str(tmp_path / "a.pdf"))
        canvas.showPage()
        canvas.save()
        assert "no words on its pages" in failure(tmp_path / "a.pdf").message

    def test_a_scan_without_any_text_is_reported_and_is_no_document(self, tmp_path: Path) -> None:
        canvas = Canvas(str(tmp_path / "a.pdf"))
        canvas.rect(72, 72, 200, 200, fill=1)
        canvas.save()
        assert "page 1 of 1 is a picture without text" in failure(tmp_path / "a.pdf").message

    def test_a_word_broken_at_a_lines_end_is_whole_again_unless_it_has_a_hyphen_elsewhere(self, tmp_path: Path) -> None:
        canvas = Canvas(str(tmp_path / "a.pdf"))
        for n, line in enumerate(["They agreed on the inspec-", "tion, a long-", "term plan. Any long-term", "plan."]):
            canvas.drawString(72, 700 - 14 * n, line)
        canvas.save()
        (document,), _ = loaded(tmp_path / "a.pdf")
        assert " ".join(document.text.split()) == "They agreed on the inspection, a long-term plan. Any long-term plan."


class TestDamaged:
    @pytest.mark.parametrize("kind", ["docx", "pptx", "xlsx", "epub", "zip", "tar.gz", "rtf"])
    @pytest.mark.parametrize("share", [0.2, 0.7, 0.95])
    def test_a_truncated_file_is_an_error_and_never_half_a_document(
        self, kind: str, share: float, tmp_path: Path
    ) -> None:
        MAKERS[kind](tmp_path / f"whole.{kind}", article(2))
        data = (tmp_path / f"whole.{kind}").read_bytes()
        path = tmp_path / f"cut.{kind}"
        path.write_bytes(data[: int(len(data) * share)])
        assert isinstance(failure(path), UnreadableSource)

    @pytest.mark.parametrize("ending", sorted(LOADERS))
    @pytest.mark.parametrize("data", [b"", b"\0" * 3_000, bytes(range(256)) * 20, b"PK\x03\x04" + b"x" * 500])
    def test_bytes_of_another_kind_give_one_clear_line_or_text(self, ending: str, data: bytes, tmp_path: Path) -> None:
        path = tmp_path / f"a{ending}"
        path.write_bytes(data)
        documents, errors = loaded(path)
        assert documents or errors or ending.startswith(".jsonl")
        for error in errors:
            assert path.name in error.message and error.remedy and "\n" not in str(error)

    def test_an_old_or_encrypted_office_file_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "a.docx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)
        assert "encrypted" in failure(tmp_path / "a.docx").message

    def test_a_page_in_a_wrongly_named_encoding_is_read_in_its_own(self, tmp_path: Path) -> None:
        page = '<meta charset="{}"><p>Das Café in der Straße öffnet wieder, sagte die Bürgermeisterin am Montag.</p>'
        for named, real in (("utf-8", "cp1252"), ("nonsense", "utf-8"), ("iso-8859-1", "cp1252"), ("utf-8", "utf-16")):
            (tmp_path / "a.html").write_bytes(page.format(named).encode(real))
            (document,), _ = loaded(tmp_path / "a.html")
            assert "Café in der Straße öffnet" in document.text, (named, real)


@pytest.mark.thorough
class TestMemory:
    @pytest.mark.parametrize(
        "ending",
        [".txt", ".pdf", *(pytest.param(f".{name}", marks=pytest.mark.slow) for name in SPARSE_TOO)],
    )
    def test_a_sparse_file_of_a_gigabyte_is_refused(self, ending: str, tmp_path: Path) -> None:
        result = in_own_process(sparse(tmp_path / f"sparse{ending}"))
        assert not result["documents"] and len(result["errors"]) == 1

    def test_a_page_of_fifty_megabytes_of_script_gives_its_text(self, tmp_path: Path) -> None:
        path = tmp_path / "a.html"
        path.write_text(html(article(3)).replace("</body>", "<script>" + "var a=1;" * 6_250_000 + "</script></body>"))
        assert in_own_process(path) | {"peak": 0} == {"documents": 1, "errors": [], "peak": 0}

    @pytest.mark.slow
    def test_a_page_of_fifty_megabytes_of_text_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "a.html"
        path.write_text(f"<p>{SENTENCE}</p>\n" * (50_000_000 // (len(SENTENCE) + 8)))
        result = in_own_process(path)
        assert result["documents"] == 1 and not result["errors"]

    def test_a_page_of_countless_elements_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "a.html"
        path.write_text("<b>x</b>" * 6_250_000)
        assert "elements" in in_own_process(path)["errors"][0]

    def test_a_page_nested_too_deeply_is_an_error_and_not_half_a_page(self, tmp_path: Path) -> None:
        path = tmp_path / "a.html"
        path.write_text("<p>Above.</p>" + "<div>" * 100_000 + "deep")
        result = in_own_process(path)
        assert not result["documents"] and "depth" in result["errors"][0]

    def test_of_a_zip_with_a_bomb_the_rest_is_read(self, tmp_path: Path) -> None:
        result = in_own_process(bomb(tmp_path / "a.zip"))
        assert result["documents"] == 2
        assert len(result["errors"]) == 1 and "bomb.txt" in result["errors"][0]

    def test_an_archive_that_grows_without_end_is_left(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for n in range(30):
                member = tarfile.TarInfo(f"{n}.txt")
                member.size = 10_000_000
                archive.addfile(member, io.BytesIO(b" " * member.size))
        result = in_own_process(path)
        assert "unpacks to more than" in result["errors"][-1] and len(result["errors"]) < 10

    def test_office_files_that_unpack_to_more_than_memory_are_refused(self, tmp_path: Path) -> None:
        for ending, part in (
            (".docx", "word/document.xml"),
            (".xlsx", "xl/worksheets/sheet1.xml"),
            (".epub", "c.xhtml"),
        ):
            path = tmp_path / f"a{ending}"
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
                package.writestr(part, b"<x>" + b" " * 70_000_000)
            assert "unpacks to more" in in_own_process(path)["errors"][0]

    def test_entities_that_stand_for_billions_are_not_followed(self, tmp_path: Path) -> None:
        levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
        laughs = f'<!DOCTYPE x [<!ENTITY e0 "ha">{levels}]><package>&e9;</package>'
        path = tmp_path / "a.epub"
        with zipfile.ZipFile(path, "w") as book:
            book.writestr("META-INF/container.xml", laughs.replace("package", "rootfile"))
        assert len(in_own_process(path)["errors"]) == 1


class TestArchives:
    def test_no_name_and_no_link_leads_out_of_an_archive(self, tmp_path: Path) -> None:
        (tmp_path / "secret.txt").write_text("Not to be read.")
        with tarfile.open(tmp_path / "a.tar", "w") as archive:
            for name, kind in (("soft.txt", tarfile.SYMTYPE), ("hard.txt", tarfile.LNKTYPE)):
                link = tarfile.TarInfo(name)
                link.type, link.linkname = kind, str(tmp_path / "secret.txt")
                archive.addfile(link)
            member = tarfile.TarInfo("../../escaped.txt")
            member.size = len(SENTENCE)
            archive.addfile(member, io.BytesIO(SENTENCE.encode()))
        (document,), errors = loaded(tmp_path / "a.tar")
        assert (document.id, document.text, errors) == ("a.tar/escaped.txt", SENTENCE, [])
        assert not (tmp_path.parent.parent / "escaped.txt").exists()

    def test_a_link_in_a_zip_is_not_followed_and_not_text(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            link = zipfile.ZipInfo("link.txt")
            link.create_system, link.external_attr = 3, 0o120777 << 16
            archive.writestr(link, "/etc/passwd")
            archive.writestr("b.txt", SENTENCE)
        documents, errors = loaded(tmp_path / "a.zip")
        assert [document.id for document in documents] == ["a.zip/b.txt"] and not errors

    def test_archives_in_archives_end(self, tmp_path: Path) -> None:
        data = SENTENCE.encode()
        name = "a.txt"
        for level in range(5):
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w") as archive:
                archive.writestr(name, data)
            name, data = f"{level}.zip", out.getvalue()
        (tmp_path / "nested.zip").write_bytes(data)
        documents, errors = loaded(tmp_path / "nested.zip")
        assert not documents and "packed more than" in errors[0].message

    def test_an_encrypted_member_is_named(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("a.txt", SENTENCE)
        data = bytearray((tmp_path / "a.zip").read_bytes())
        data[6] |= 1
        data[data.index(b"PK\x01\x02") + 8] |= 1
        (tmp_path / "a.zip").write_bytes(data)
        assert "encrypted" in failure(tmp_path / "a.zip").message

    def test_an_attachment_is_a_document_of_its_own(self, tmp_path: Path) -> None:
        from email.message import EmailMessage

        MAKERS["pdf"](tmp_path / "a.pdf", article(5))
        message = EmailMessage()
        message["Subject"] = "With a file"
        message.set_content("See there.")
        message.add_attachment((tmp_path / "a.pdf").read_bytes(), "application", "pdf", filename="../x/a.pdf")
        (tmp_path / "m.eml").write_bytes(bytes(message))
        documents, errors = loaded(tmp_path / "m.eml")
        assert [document.id for document in documents] == ["m.eml", "m.eml/x/a.pdf"] and not errors
        assert documents[1].layout.pages


def test_a_file_deleted_or_closed_between_listing_and_reading_is_a_line(tmp_path: Path) -> None:
    for made in make_files(tmp_path, 1):
        made.path.unlink()
        assert "is gone" in failure(made.path).message


def test_names_with_newlines_and_emoji_are_read_and_said_in_one_line(tmp_path: Path) -> None:
    for ending in (".md", ".pdf", ".zip"):
        path = tmp_path / f"new\nline 😀{ending}"
        MAKERS[ending[1:]](path, article(7))
        documents, errors = loaded(path)
        assert len(documents) == 1 and not errors
    (tmp_path / "bad\nname.pdf").write_bytes(b"none")
    _, (error,) = loaded(tmp_path / "bad\nname.pdf")
    assert isinstance(error, UnreadableSource)


@pytest.mark.slow
def test_of_a_folder_of_broken_files_each_is_a_line_and_the_rest_is_indexed(
    tmp_path: Path, embedder: "SentenceTransformerEmbedder", monkeypatch: pytest.MonkeyPatch
) -> None:
    from rag import Index

    folder = tmp_path / "files"
    sound = make_files(folder, 1)
    encrypted_pdf(folder / "encrypted.pdf")
    (folder / "truncated.pdf").write_bytes((folder / "pdf-0.pdf").read_bytes()[:900])
    bomb(folder / "bomb.zip")
    sparse(folder / "sparse.txt")
    (folder / "wrong.txt").write_bytes(b"\xff\xfea\x00b")
    (folder / "loop").symlink_to(folder)
    (folder / "gone.txt").symlink_to(folder / "nowhere")
    (folder / "emoji 😀\nnew line.md").write_text(SENTENCE)
    (folder / "vanishing.md").write_text(SENTENCE + " It will be deleted.")
    (folder / "big.html").write_text(
        html(article(9)).replace("</body>", "<script>" + "x=1;" * 12_500_000 + "</script>")
    )
    expected = {"encrypted.pdf", "truncated.pdf", "bomb.zip", "sparse.txt", "wrong.txt", "gone.txt", "vanishing.md"}
    read = Ingest._read

    def reading(self: Ingest, source: Source, held: Any) -> Any:
        if source.document_id == "vanishing.md":
            source.path.unlink()  # after its hash was taken
        return read(self, source, held)

    monkeypatch.setattr(Ingest, "_read", reading)
    index = Index.build(folder, tmp_path / "index", embedder=embedder)
    assert {source for source, _ in index.report.failed} == expected
    assert set(index.report.unreadable) == expected
    held = {summary.id.partition("#")[0] for summary in index.documents()}
    assert held >= {"emoji 😀\nnew line.md", "big.html", "bomb.zip/sound.txt", "bomb.zip/also sound.txt"}
    assert len([made for made in sound if any(name.startswith(made.path.stem) for name in held)]) == len(sound)
    index.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything; test_loading.py gives up its rights")
def test_a_file_without_permission_is_a_line(tmp_path: Path) -> None:
    for made in make_files(tmp_path, 1):
        made.path.chmod(0)
        assert "permission" in failure(made.path).message


def test_link_loops_end(tmp_path: Path) -> None:
    make_files(tmp_path / "files", 1)
    (tmp_path / "files" / "loop").symlink_to(tmp_path / "files")
    (tmp_path / "files" / "itself.pdf").symlink_to(tmp_path / "files" / "itself.pdf")
    names = [source.document_id for source in discover([tmp_path / "files"])]
    assert len(names) == len(MAKERS) + 1
    assert isinstance(failure(tmp_path / "files" / "itself.pdf"), UnreadableSource)
