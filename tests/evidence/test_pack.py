"""A pack proves its quotations, and shows every change of a byte with its place."""

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rag.core.errors import InvalidInput
from rag.core.response import Response
from rag.core.types import Document
from rag.evidence import check_pack
from rag.evidence.check_pack import check, zipped
from rag.evidence.keys import SigningKey, create_key, read_key
from rag.evidence.pack import evidence_pack
from rag.evidence.verification import verify_pack

if TYPE_CHECKING:
    from rag.answering.assistant import Assistant
    from rag.core.protocols import Embedder
    from rag.index.index import Index

QUESTION = "Why did Armenia recall its ambassador to Israel?"
NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
HOSTILE = '<script src="https://evil.example/x.js"></script>'


@pytest.fixture(scope="module")
def assistant(seeds_index: "Index") -> "Assistant":
    from rag.answering.assistant import Assistant

    return Assistant(seeds_index)


@pytest.fixture(scope="module")
def response(assistant: "Assistant") -> Response:
    return assistant.ask(QUESTION)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return create_key(tmp_path_factory.mktemp("keys") / "key.pem")


@pytest.fixture(scope="module")
def pack(assistant: "Assistant", response: Response, key: SigningKey) -> bytes:
    return evidence_pack(assistant, [response], key, made_at=NOON)


@pytest.fixture(scope="module")
def unsigned(assistant: "Assistant", response: Response) -> bytes:
    return evidence_pack(assistant, [response], made_at=NOON)


def members(pack: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(pack)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def changed(pack: bytes, position: int) -> bytes:
    return pack[:position] + bytes([pack[position] ^ 1]) + pack[position + 1 :]


def positions(pack: bytes) -> Iterator[int]:
    """Yield places all over a pack, and every fifth byte of its frame: the headers and the directory."""
    yield from range(0, len(pack), len(pack) // 120)
    with zipfile.ZipFile(BytesIO(pack)) as archive:
        yield from range(archive.start_dir, len(pack), 5)
        for info in archive.infolist():
            yield from range(info.header_offset, info.header_offset + 30 + len(info.filename), 5)


def test_a_saved_response_gives_the_same_bytes_at_the_same_time(
    assistant: "Assistant", response: Response, key: SigningKey, pack: bytes
) -> None:
    saved = json.loads(response.to_json())
    assert evidence_pack(assistant, [saved], key, made_at=NOON) == pack
    assert check(pack) == ([], key.public)
    assert check(pack, "00" * 32)[0] == ["manifest.json: it names another key"]


def test_the_pack_names_documents_index_settings_and_time(assistant: "Assistant", pack: bytes) -> None:
    files = members(pack)
    manifest, passages = json.loads(files["manifest.json"]), json.loads(files["passages.json"])
    assert manifest["made_at"] == "2026-04-01T12:00:00+00:00"
    assert manifest["index"]["fingerprint"] == assistant.index.fingerprint
    assert manifest["settings"]["top_k"] == assistant.settings.top_k
    for document_id, facts in passages["documents"].items():
        document = assistant.index.document(document_id)
        assert document is not None and facts["text_sha256"] == hashlib.sha256(document.text.encode()).hexdigest()
        assert facts["source_sha256"] == document.source_sha256
    (citation, *_), (passage, *_) = (json.loads(files["responses.json"])[0]["answers"], passages["passages"][0])
    quote = citation["citation"]["selector"][0]["exact"]
    assert passage["text"][passage["quote"]["start"] : passage["quote"]["end"]] == quote


def test_every_changed_byte_is_found_and_placed(unsigned: bytes) -> None:
    files = members(unsigned)
    for position in positions(unsigned):
        faults, _ = check(changed(unsigned, position))
        assert faults, position
        assert any(name in fault for fault in faults for name in (*files, "directory", "byte")), (position, faults)
    for content in (unsigned[:-1], unsigned + b"\n", b"x" + unsigned, b""):
        assert check(content)[0]


def test_the_seal_of_a_signed_pack_cannot_be_made_again(pack: bytes, key: SigningKey, tmp_path: Path) -> None:
    files = members(pack)
    changed_page = files["evidence.html"].replace(b"Armenia", b"Albania")
    manifest = json.loads(files["manifest.json"])
    manifest["files"]["evidence.html"] = hashlib.sha256(changed_page).hexdigest()
    content = json.dumps(manifest, ensure_ascii=False, indent=1).encode() + b"\n"
    seal = f"{hashlib.sha256(content).hexdigest()}\n".encode() + files["seal.txt"].partition(b"\n")[2]
    forged = zipped({**files, "evidence.html": changed_page, "manifest.json": content, "seal.txt": seal})
    assert check(forged)[0] == ["manifest.json or seal.txt: one does not fit the other"]
    (tmp_path / "forged.zip").write_bytes(forged)
    assert verify_pack(tmp_path / "forged.zip").faults == tuple(check(forged)[0])
    upper = files["seal.txt"][:65] + files["seal.txt"][65:].upper()
    assert check(zipped({**files, "seal.txt": upper}))[0]


def test_the_script_in_the_pack_agrees_without_pincite(pack: bytes, key: SigningKey, tmp_path: Path) -> None:
    script, sound, damaged = tmp_path / "verify.py", tmp_path / "pack.zip", tmp_path / "damaged.zip"
    script.write_bytes(members(pack)["verify.py"])
    sound.write_bytes(pack)
    damaged.write_bytes(changed(pack, pack.index(b"Armenia")))
    lines = [line for line in script.read_text(encoding="utf-8").splitlines() if line]
    assert len(lines) <= 60 and not any("import rag" in line or "from rag" in line for line in lines)

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, "-I", str(script), *words], capture_output=True, text=True)

    done = run(str(sound), key.public)
    assert done.returncode == 0 and key.public in done.stdout
    done = run(str(damaged))
    assert done.returncode == 1 and "evidence.html" in done.stderr
    report = verify_pack(damaged)
    assert report.faults and not report.responses and "evidence.html" in report.faults[0]
    assert len(verify_pack(sound, key.public).responses) == 1


def test_the_signature_is_that_of_the_standard(key: SigningKey) -> None:
    # RFC 8032, 7.1, test 3
    public = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
    signature = (
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    )
    is_signed = check_pack._is_signed
    assert is_signed(bytes.fromhex(public), bytes.fromhex(signature), b"\xaf\x82")
    assert not is_signed(bytes.fromhex(public), bytes.fromhex(signature), b"\xaf\x83")
    assert is_signed(bytes.fromhex(key.public), bytes.fromhex(key.signature(b"words")), b"words")


def test_the_page_fetches_nothing_and_shows_document_text_as_text(embedder: "Embedder", tmp_path: Path) -> None:
    from rag.answering.assistant import Assistant
    from rag.index.index import Index

    text = f"{HOSTILE}\x01 The ferry of Marrowick leaves at noon on each Sunday, says {HOSTILE} the harbour office."
    index = Index.build([Document("ferry", text, HOSTILE)], tmp_path / "index", embedder=embedder)
    assistant = Assistant(index)
    saved = json.loads(assistant.ask("When does the ferry of Marrowick leave?").to_json())
    page = members(evidence_pack(assistant, [saved]))["evidence.html"].decode()
    assert "<mark>" in page and "noon" in page
    assert "default-src &#x27;none&#x27;" in page
    assert "<script" not in page and not re.search(r"(?:src|href)\s*=\s*\"(?!data:)", page) and "\x01" not in page
    index.add([Document("ferry", text.replace("noon", "two"), HOSTILE)])
    with pytest.raises(InvalidInput, match="ferry"):
        evidence_pack(assistant, [saved])


@pytest.mark.parametrize("part", ["answer", "context", "context_offset", "citation"])
def test_a_saved_response_with_a_wrong_part_is_refused(assistant: "Assistant", response: Response, part: str) -> None:
    saved = json.loads(response.to_json())
    saved["answers"][0][part] = "other words"
    with pytest.raises(InvalidInput):
        evidence_pack(assistant, [saved])
    with pytest.raises(InvalidInput):
        evidence_pack(assistant, [])


def test_the_private_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "key.pem"
    public = create_key(file).public
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_key(file).public == public
    with pytest.raises(InvalidInput, match="there already"):
        create_key(file)
    file.chmod(0o640)
    with pytest.raises(InvalidInput, match="Others may read"):
        read_key(file)
    file.chmod(0o600)
    file.write_text("no key", encoding="utf-8")
    with pytest.raises(InvalidInput, match="holds no key"):
        read_key(file)


def test_the_words_are_boxed_on_the_page_of_a_pdf(embedder: "Embedder", tmp_path: Path) -> None:
    from reportlab.pdfgen.canvas import Canvas

    from rag.answering.assistant import Assistant
    from rag.index.index import Index
    from rag.loading.pages.pdf_originals import PdfOriginals

    file = tmp_path / "ferry.pdf"
    canvas = Canvas(str(file))
    canvas.drawString(72, 700, "The ferry of Marrowick leaves at noon on each Sunday.")
    canvas.save()
    assistant = Assistant(Index.build(file, tmp_path / "index", embedder=embedder))
    response = assistant.ask("When does the ferry of Marrowick leave?")
    files = members(evidence_pack(assistant, [response], pages=PdfOriginals()))
    assert b"data:image/png;base64," in files["evidence.html"]
    (pages,) = (passage["pages"] for passage in json.loads(files["passages.json"])["passages"][0])
    assert [(page["page_number"], page["boxed"]) for page in pages] == [(1, True)]
    file.unlink()
    files = members(evidence_pack(assistant, [response], pages=PdfOriginals()))
    assert b"No picture of the page" in files["evidence.html"]


def test_the_shell_packs_and_verifies(assistant: "Assistant", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from rag.cli.main import app

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    index, run = str(assistant.index.path), CliRunner()

    def said(*words: str, status: int = 0) -> str:
        done = run.invoke(app, list(words))
        assert done.exit_code == status, f"{done.output} {done.exception!r}"
        return done.output

    public = said("evidence", "key").split()[-1]
    assert public in said("evidence", "key")
    assert public in said("evidence", QUESTION, "--out", "pack.zip", "--index", index)
    assert "0 changed, 0 gone" in said("evidence", "verify", "pack.zip", "--key", public, "--against", index)
    (tmp_path / "saved.json").write_text(said("ask", QUESTION, "--json", "--index", index, "--no-server"))
    said("evidence", "--saved", "saved.json", "--out", "saved.zip", "--index", index)
    report = json.loads(said("evidence", "verify", "saved.zip", "--json"))
    assert report["faults"] == [] and report["key"] == public
    pack = (tmp_path / "pack.zip").read_bytes()
    (tmp_path / "pack.zip").write_bytes(changed(pack, len(pack) // 2))
    said("evidence", "verify", "pack.zip", status=1)
