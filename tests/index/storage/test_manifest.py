import json
import multiprocessing
import os
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from rag.core.errors import IndexCorrupt, IndexLocked, IndexNotFound, IndexVersionMismatch, IndexWriteFailed
from rag.core.files.hashed_json import content_sha256
from rag.index.storage import integrity
from rag.index.storage.integrity import file_faults
from rag.index.storage.manifest import Manifest, read_manifest
from rag.index.writing.commit import commit, file_records, link_tree, next_version, partial_version, writing


def put(path: Path, **files: str) -> Manifest:
    """Commit a version of these files."""
    with writing(path):
        version = next_version(path)
        with partial_version(path, version) as folder:
            for name, content in files.items():
                file = folder / name.replace("__", "/")
                file.parent.mkdir(exist_ok=True)
                file.write_text(content, encoding="utf-8")
            manifest = Manifest(
                version, "sha256:0", {"name": "m"}, {"stemmer": "none"}, 1, 2, file_records(folder), "0"
            )
            commit(path, folder, manifest)
    return manifest


def entries(path: Path) -> set[str]:
    return {found.name for found in path.iterdir()} - {"lock", "writer"}


def test_a_commit_shows_its_manifest_and_files(tmp_path: Path) -> None:
    manifest = put(tmp_path, a="one", words__b="two")

    assert read_manifest(tmp_path) == manifest
    assert (tmp_path / "v000001" / "words" / "b").read_text() == "two"
    assert manifest.files["words/b"] == {
        "bytes": 3,
        # sha256 of "two"
        "sha256": "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3",
        "ends_sha256": "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3",
    }
    assert file_faults(tmp_path, manifest, wholly=True) == []


def test_the_current_version_and_the_one_before_are_kept(tmp_path: Path) -> None:
    for content in "abcd":
        put(tmp_path, a=content)

    assert entries(tmp_path) == {"manifest.json", "v000003", "v000004"}


def test_nothing_but_versions_is_ever_dropped(tmp_path: Path) -> None:
    others = ["v1", "v2.0", "video", "v000001x", "v000000.bak"]
    for name in others:
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").write_text("mine")
    (tmp_path / "v000009").write_text("a file, not a version")
    for content in "abcd":
        put(tmp_path, a=content)

    assert entries(tmp_path) == {"manifest.json", "v000003", "v000004", "v000009", *others}


def test_the_files_of_every_commit_can_be_read_by_whoever_may_read_the_folder(tmp_path: Path) -> None:
    with writing(tmp_path), partial_version(tmp_path, 1) as folder:
        (folder / "private").write_text("x")
        (folder / "private").chmod(0o600)
        commit(tmp_path, folder, Manifest(1, "", {}, {}, 0, 0, file_records(folder), "0"))

    assert (tmp_path / "v000001/private").stat().st_mode & 0o777 == (tmp_path / "v000001").stat().st_mode & 0o666


def test_no_index_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for missing in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(IndexNotFound, match="rag index"):
            read_manifest(missing)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'"x"', b"{}", b'{"sha256": 1}', b"\xff", b"[" * 10_000]
)
def test_a_file_that_is_no_manifest_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(content)

    with pytest.raises(IndexCorrupt, match="rag index PATH --rebuild"):
        read_manifest(tmp_path)


def test_every_flipped_bit_of_a_manifest_is_noticed_or_means_nothing(tmp_path: Path) -> None:
    manifest = put(tmp_path, a="one")
    file = tmp_path / "manifest.json"
    good = file.read_bytes()
    for place in range(len(good)):
        file.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        try:
            found: Manifest | None = read_manifest(tmp_path)
        except IndexCorrupt:
            found = None
        assert found is None or found == manifest, f"byte {place}"


def test_another_format_is_named(tmp_path: Path) -> None:
    content = {**asdict(put(tmp_path, a="one")), "format": 99}
    signed = {**content, "sha256": content_sha256(content)}
    (tmp_path / "manifest.json").write_text(json.dumps(signed))

    with pytest.raises(IndexVersionMismatch, match=r"format 99.*--rebuild"):
        read_manifest(tmp_path)


def test_damage_of_each_kind_is_named_with_its_file(tmp_path: Path) -> None:
    manifest = put(tmp_path, a="one", b="two", c="three", d="four")
    folder = tmp_path / "v000001"
    (folder / "a").unlink()
    (folder / "b").write_text("twoo")
    (folder / "c").write_text("thrxe")
    (folder / "d").unlink()
    (folder / "d").mkdir()
    found = file_faults(tmp_path, manifest, wholly=True)

    assert [line.split(str(folder))[1] for line in found[:3]] == [
        "/a is missing",
        "/b has 4 bytes, expected 3",
        "/c is not what was written (its hash differs)",
    ]
    assert len(found) == 4


@pytest.mark.parametrize(
    ("place", "noticed"), [(0, True), (99, True), (100, False), (499, False), (500, True), (599, True)]
)
def test_large_files_are_judged_by_their_ends_until_asked(
    place: int, noticed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrity, "MAX_OPENING_HASH_BYTES", 599)
    monkeypatch.setattr(integrity, "END_BYTES", 100)
    manifest = put(tmp_path, a="x" * 600)
    (tmp_path / "v000001/a").write_text("x" * place + "y" + "x" * (599 - place))

    assert bool(file_faults(tmp_path, manifest, wholly=False)) == noticed
    assert len(file_faults(tmp_path, manifest, wholly=True)) == 1


def _hold(path: str, ready: str) -> None:
    with writing(Path(path)):
        Path(ready).write_text("held")
        threading.Event().wait(60)


def test_a_second_writer_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    index, ready = tmp_path / "index", tmp_path / "ready"
    holder = multiprocessing.get_context("spawn").Process(target=_hold, args=(str(index), str(ready)))
    holder.start()
    while not ready.exists():
        assert holder.is_alive()
        holder.join(0.01)
    try:
        with pytest.raises(IndexLocked, match=rf"process {holder.pid} on .*Wait") as caught, writing(index):
            pass
        assert "\n" not in str(caught.value)
    finally:
        holder.kill()
        holder.join()
    with writing(index):  # the system frees the lock of a killed process
        assert (index / "writer").read_text().startswith(f"process {os.getpid()} ")


def test_two_threads_cannot_write_at_once(tmp_path: Path) -> None:
    with writing(tmp_path), pytest.raises(IndexLocked), writing(tmp_path):
        pass


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(IndexWriteFailed, match="is a file"), writing(tmp_path / "file"):
        pass


def test_what_fails_or_is_not_committed_leaves_nothing(tmp_path: Path) -> None:
    put(tmp_path, a="one")
    with writing(tmp_path), partial_version(tmp_path, 2) as folder:
        (folder / "a").write_text("never committed")
    with pytest.raises(ZeroDivisionError), writing(tmp_path), partial_version(tmp_path, 2):
        raise ZeroDivisionError

    assert entries(tmp_path) == {"manifest.json", "v000001"}


def test_leftovers_of_a_killed_first_build_do_not_stop_the_next(tmp_path: Path) -> None:
    (tmp_path / "v000001.partial").mkdir()
    (tmp_path / "v000001.partial" / "a").write_text("half")
    (tmp_path / "v000001").mkdir()  # killed between the two renames

    assert put(tmp_path, a="one").version == 2
    assert file_faults(tmp_path, read_manifest(tmp_path), wholly=True) == []


def test_a_version_is_never_made_over_another_where_the_manifest_is_lost(tmp_path: Path) -> None:
    put(tmp_path, a="one")
    (tmp_path / "manifest.json").write_text("lost")
    put(tmp_path, a="two")

    assert (tmp_path / "v000001/a").read_text() == "one"
    assert (tmp_path / "v000002/a").read_text() == "two"


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_commit_that_breaks_at_any_step_leaves_the_old_version_or_the_new(
    fault: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Break off before the first, second … call that changes the disk, until a commit gets through."""
    changing = [(os, "fsync"), (Path, "rename"), (Path, "replace"), (Path, "write_text"), (Path, "chmod")]
    outcomes, got_through, step = [], False, 0
    while not got_through:
        index, interruption, step = tmp_path / str(step), Interruption(step, fault), step + 1
        put(index, a="old", words__b="old")
        with monkeypatch.context() as patched:
            for owner, name in changing:
                patched.setattr(owner, name, interruption.before(getattr(owner, name)))
            try:
                put(index, a="new", words__b="new")
                got_through = True
            except (IndexWriteFailed, KeyboardInterrupt):
                pass
        found = read_manifest(index)
        assert file_faults(index, found, wholly=True) == []
        assert (index / found.folder / "a").read_text() == ("old" if found.version == 1 else "new")
        assert put(index, a="next").version == found.version + 1, "the next writer is not stopped"
        outcomes.append(found.version)
    assert len(outcomes) > 8
    assert outcomes == sorted(outcomes), "once the manifest is replaced, nothing takes it back"
    assert outcomes[0] == 1 and outcomes[-1] == 2


class Interruption:
    """Raises before call number `step`, from 0, of all the functions it is put before."""

    def __init__(self, step: int, fault: BaseException) -> None:
        self.left, self.fault = step, fault

    def before(self, real: Callable[..., object]) -> Callable[..., object]:
        def call(*given: object, **named: object) -> object:
            self.left -= 1
            if self.left == -1:
                raise self.fault
            return real(*given, **named)

        return call


def test_linked_files_are_the_same_file_and_locks_stay_behind(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one/a").write_text("x")
    (tmp_path / "one/.writer.lock").write_text("")
    link_tree(tmp_path / "one", tmp_path / "two")

    assert [file.name for file in (tmp_path / "two").iterdir()] == ["a"]
    assert (tmp_path / "one/a").samefile(tmp_path / "two/a")


def test_files_are_copied_where_the_disk_cannot_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    (tmp_path / "one").mkdir()
    (tmp_path / "one/a").write_text("x")
    monkeypatch.setattr(os, "link", refuse)
    link_tree(tmp_path / "one", tmp_path / "two")

    assert (tmp_path / "two/a").read_text() == "x"
    assert not (tmp_path / "one/a").samefile(tmp_path / "two/a")
