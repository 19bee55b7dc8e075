"""Moves an index in one file: the same answers there, and an error for a file that is not what was exported."""

import json
import random
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rag.answering.assistant import Assistant
from rag.answering.confidence import save_calibration, shipped
from rag.core.errors import IndexCorrupt, IndexProblem, IndexVersionMismatch, IndexWriteFailed, InvalidInput
from rag.core.files.durable_files import new_file
from rag.core.files.hashed_json import content_sha256
from rag.index import transfer
from rag.index.index import Index
from rag.index.repair import examine, repair
from rag.index.storage.manifest import CALIBRATION, MANIFEST, STANDING, read_manifest
from rag.index.transfer import export_index, import_index

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

QUESTION = "Why did Armenia recall its ambassador to Israel?"


@pytest.fixture(scope="module")
def exported(seeds_index: Index, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("exported") / "seeds.zip"
    export_index(seeds_index.path, file)
    return file


def test_an_imported_index_gives_the_same_responses_and_takes_writes(
    exported: Path, seeds_index: Index, embedder: "Embedder", tmp_path: Path
) -> None:
    made = import_index(exported, tmp_path / "index")
    assert made.fingerprint == seeds_index.fingerprint and examine(tmp_path / "index") == []
    opened = Index.open(tmp_path / "index", embedder)
    one, other = Assistant(opened).ask(QUESTION), Assistant(seeds_index).ask(QUESTION)
    assert one.response_id == other.response_id and one.answers == other.answers
    assert opened.remove(opened.documents()[0].id).removed
    opened.close()


def test_what_is_there_is_not_replaced(exported: Path, seeds_index: Index, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is there already"):
        export_index(seeds_index.path, exported)
    shutil.copytree(seeds_index.path, tmp_path / "index")
    with pytest.raises(InvalidInput, match="There is an index"):
        import_index(exported, tmp_path / "index")
    with pytest.raises(InvalidInput, match="no file"):
        import_index(tmp_path / "none.zip", tmp_path / "other")


def test_one_bit_flipped_anywhere_gives_an_error_or_the_same_index(exported: Path, tmp_path: Path) -> None:
    good, chance, refused = exported.read_bytes(), random.Random(6), 0
    for n in range(60):
        place = chance.randrange(len(good))
        (tmp_path / "bad.zip").write_bytes(
            good[:place] + bytes([good[place] ^ (1 << chance.randrange(8))]) + good[place + 1 :]
        )
        target = tmp_path / f"index{n}"
        try:
            import_index(tmp_path / "bad.zip", target)
        except IndexProblem as error:
            refused += 1
            assert error.remedy and "\n" not in str(error)
            assert not (target / "manifest.json").exists() and not list(target.glob("v*"))
        else:
            assert examine(target) == []
    assert refused > 50


def test_a_file_cut_short_is_an_error(exported: Path, tmp_path: Path) -> None:
    for size in (0, 1, 1_000, exported.stat().st_size // 2, exported.stat().st_size - 1):
        (tmp_path / "cut.zip").write_bytes(exported.read_bytes()[:size])
        with pytest.raises(IndexCorrupt, match="not an exported index"):
            import_index(tmp_path / "cut.zip", tmp_path / "index")


@pytest.mark.parametrize(
    ("record", "place", "bits"),
    [(b"PK\x01\x02", 6, 0x00FF), (b"PK\x05\x06", 16, 0x4000), (b"PK\x01\x02", 10, 0x0004)],
    ids=["a version that no program reads", "members before the file begins", "another packing"],
)
def test_a_directory_that_says_what_cannot_be_is_an_error(
    record: bytes, place: int, bits: int, exported: Path, tmp_path: Path
) -> None:
    data = bytearray(exported.read_bytes())
    at = data.index(record) + place
    data[at : at + 2] = (int.from_bytes(data[at : at + 2], "little") ^ bits).to_bytes(2, "little")
    (tmp_path / "odd.zip").write_bytes(data)
    with pytest.raises(IndexCorrupt) as error:
        import_index(tmp_path / "odd.zip", tmp_path / "index")
    assert error.value.remedy and not list((tmp_path / "index").glob("v*"))


def rewritten(exported: Path, target: Path, change: dict[str, object], extra: dict[str, bytes]) -> None:
    with zipfile.ZipFile(exported) as old, zipfile.ZipFile(target, "w") as new:
        manifest = json.loads(old.read("manifest.json"))
        del manifest["sha256"]
        manifest |= change
        new.writestr("manifest.json", json.dumps({**manifest, "sha256": content_sha256(manifest)}))
        for name in set(old.namelist()) - {"manifest.json", *extra}:
            new.writestr(name, old.read(name))
        for name, content in extra.items():
            new.writestr(name, content)


@pytest.mark.parametrize("name", ["../evil", "words/../../evil", "/etc/evil", "words/a/b", "words/..", "other"])
def test_a_file_from_elsewhere_writes_nothing_outside_its_index(name: str, exported: Path, tmp_path: Path) -> None:
    facts = {"bytes": 3, "sha256": "0" * 64, "ends_sha256": "0" * 64}
    rewritten(exported, tmp_path / "evil.zip", {"files": {name: facts}}, {name: b"bad"})
    with pytest.raises(IndexCorrupt, match="no index has"):
        import_index(tmp_path / "evil.zip", tmp_path / "a" / "index")
    assert not [path for path in tmp_path.rglob("*evil*") if path.name != "evil.zip"]


def test_a_file_that_unpacks_to_more_than_it_says_and_another_format_are_refused(
    exported: Path, seeds_index: Index, tmp_path: Path
) -> None:
    rewritten(exported, tmp_path / "bomb.zip", {}, {"vectors.faiss": bytes(50_000_000)})
    with pytest.raises(IndexCorrupt, match="hash differs"):
        import_index(tmp_path / "bomb.zip", tmp_path / "index")
    rewritten(exported, tmp_path / "future.zip", {"format": 99}, {})
    with pytest.raises(IndexVersionMismatch, match="format 99"):
        import_index(tmp_path / "future.zip", tmp_path / "index")
    assert read_manifest(seeds_index.path).format != 99


def test_a_damaged_index_is_not_exported(seeds_index: Index, tmp_path: Path) -> None:
    shutil.copytree(seeds_index.path, tmp_path / "index")
    vectors = tmp_path / "index" / read_manifest(seeds_index.path).folder / "vectors.faiss"
    content = bytearray(vectors.read_bytes())
    content[len(content) // 2] ^= 1
    vectors.write_bytes(content)
    with pytest.raises(IndexCorrupt, match="hash differs"):
        export_index(tmp_path / "index", tmp_path / "out.zip")
    assert not list(tmp_path.glob("out.zip*"))


def test_a_damaged_calibration_is_found_and_repaired_and_never_exported(seeds_index: Index, tmp_path: Path) -> None:
    index = tmp_path / "index"
    shutil.copytree(seeds_index.path, index)
    save_calibration(shipped("shipped"), index / CALIBRATION)
    sound = (index / CALIBRATION).read_bytes()
    assert examine(index) == []
    export_index(index, tmp_path / "sound.zip")
    import_index(tmp_path / "sound.zip", tmp_path / "copy")
    assert (tmp_path / "copy" / CALIBRATION).read_bytes() == sound

    (index / CALIBRATION).write_bytes(sound.replace(b"0.", b"1.", 1))
    assert examine(index) == [f"{index / CALIBRATION} is damaged: its own hash differs"]
    with pytest.raises(IndexCorrupt, match="own hash differs"):
        export_index(index, tmp_path / "damaged.zip")
    with pytest.raises(IndexCorrupt, match="rag check --repair"):
        Assistant(Index.open(index))
    (repaired,) = repair(index)
    assert "own hash differs; it was set aside" in repaired and "rag calibrate" in repaired
    assert examine(index) == [] and read_manifest(index).version == read_manifest(seeds_index.path).version
    assert (index / "calibration.json.damaged").is_file() and not (tmp_path / "damaged.zip").exists()
    assert Assistant(Index.open(index)).calibration == shipped("shipped")


def test_an_export_holds_the_manifest_of_its_own_files(
    seeds_index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process commits after the export has begun."""
    path = Path(shutil.copytree(seeds_index.path, tmp_path / "index"))

    def after_a_commit(file: Path) -> Any:
        (path / MANIFEST).write_bytes(b"{}")
        return new_file(file)

    monkeypatch.setattr(transfer, "new_file", after_a_commit)
    export_index(path, tmp_path / "one.zip")
    assert import_index(tmp_path / "one.zip", tmp_path / "copy").fingerprint == seeds_index.fingerprint


def test_what_a_killed_import_left_does_not_judge_or_watch_other_documents(
    embedder: "Embedder", tmp_path: Path
) -> None:
    index = tmp_path / "index"
    index.mkdir()
    save_calibration(replace(shipped("shipped"), questions=7), index / CALIBRATION)
    (index / STANDING).write_text("{}", encoding="utf-8")
    (tmp_path / "a.txt").write_text("The bell rang at noon.", encoding="utf-8")
    Index.build(tmp_path / "a.txt", index, embedder=embedder).close()
    assert not (index / CALIBRATION).exists() and not (index / STANDING).exists()


def test_an_import_that_cannot_be_committed_leaves_no_calibration(
    seeds_index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copytree(seeds_index.path, tmp_path / "index"))
    save_calibration(shipped("shipped"), path / CALIBRATION)
    export_index(path, tmp_path / "one.zip")

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(transfer, "commit", full)
    with pytest.raises(IndexWriteFailed):
        import_index(tmp_path / "one.zip", tmp_path / "copy")
    assert not (tmp_path / "copy" / CALIBRATION).exists()
