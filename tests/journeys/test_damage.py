"""Damages every file of an index in every way: an error that names the remedy or the right answer, nothing else."""

import os
import random
import resource
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from rag.answering.assistant import Assistant
from rag.cli.main import main
from rag.core.errors import IndexCorrupt, IndexProblem, IndexWriteFailed, RagError
from rag.core.response import Response
from rag.core.types import Document
from rag.index.index import Index
from rag.index.repair import examine, repair
from rag.index.storage import integrity, stable_files
from rag.index.storage.manifest import read_manifest

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

QUESTION = "Why did Armenia recall its ambassador to Israel?"
FILES = ("manifest.json", "documents.sqlite", "vectors.faiss", "words")


@pytest.fixture
def index(seeds_index: Index, tmp_path: Path) -> Path:
    """Return a copy of the index of the seed articles, to be damaged."""
    shutil.copytree(seeds_index.path, tmp_path / "index")
    return tmp_path / "index"


@pytest.fixture(scope="module")
def right(seeds_index: Index) -> Response:
    return Assistant(seeds_index).ask(QUESTION)


def files(index: Path, kind: str) -> list[Path]:
    """Return the files of a kind that the current version has, the manifest among them."""
    manifest = read_manifest(index)
    found = [index / "manifest.json", *(index / manifest.folder / name for name in manifest.files)]
    chosen = [path for path in found if kind in path.relative_to(index).parts]
    assert chosen
    return chosen


def flipped(content: bytes) -> Iterator[bytes]:
    """Yield the content with one bit changed: in the first, second and last byte and at places between."""
    last = len(content) - 1
    for n, place in enumerate(sorted({0, 1, last, *(last * part // 8 for part in range(1, 8))})):
        yield content[:place] + bytes([content[place] ^ (1 << n % 8)]) + content[place + 1 :]


def cut(content: bytes) -> Iterator[bytes]:
    """Yield the content shortened, emptied, and with a byte too many."""
    yield from (content[:-1], content[: len(content) // 2], content[:1], b"", content + b"\0")


def shown(response: Response) -> list[object]:
    return [response.to_dict()["answers"], response.no_answer]


def asked(index: Path, embedder: "Embedder") -> Response:
    return Assistant(Index.open(index, embedder)).ask(QUESTION)


def is_clear(error: RagError) -> bool:
    return bool(error.remedy) and "\n" not in str(error) and "rag" in error.remedy


@pytest.mark.parametrize("damage", [flipped, cut])
@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_file_gives_an_error_or_the_right_answer(
    kind: str,
    damage: Callable[[bytes], Iterator[bytes]],
    index: Path,
    embedder: "Embedder",
    right: Response,
) -> None:
    for path in files(index, kind):
        good = path.read_bytes()
        for bad in damage(good) if good else ():
            path.write_bytes(bad)
            try:
                response: Response | None = asked(index, embedder)
            except IndexProblem as error:
                response = None
                assert is_clear(error), error
            assert response is None or (kind == "manifest.json" and shown(response) == shown(right)), path
        path.write_bytes(good)
    assert shown(asked(index, embedder)) == shown(right)


@pytest.mark.parametrize("instead", ["nothing", "a folder"])
@pytest.mark.parametrize("kind", FILES)
def test_a_missing_file_gives_an_error(kind: str, instead: str, index: Path) -> None:
    for path in files(index, kind):
        aside = path.rename(index / "aside")
        if instead == "a folder":
            path.mkdir()
        with pytest.raises(IndexProblem) as caught:
            Index.open(index)
        assert is_clear(caught.value)
        if instead == "a folder":
            path.rmdir()
        aside.rename(path)
    assert examine(index) == []


def test_a_missing_version_gives_an_error(index: Path) -> None:
    shutil.rmtree(index / read_manifest(index).folder)
    with pytest.raises(IndexCorrupt, match="missing"):
        Index.open(index)
    with pytest.raises(IndexCorrupt, match="--rebuild"):
        repair(index)


def test_damage_done_after_the_check_gives_no_wrong_quotation(
    index: Path, seeds: Path, embedder: "Embedder", monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is flipped after the files were checked may cost an answer, but never its truth."""
    monkeypatch.setattr(integrity, "_is_whole", lambda *_: True)
    texts = {path.name: path.read_bytes().decode() for path in seeds.iterdir()}
    (path,) = files(index, "documents.sqlite")
    good, answered, refused = path.read_bytes(), 0, 0
    for place in range(0, len(good), len(good) // 100):
        path.write_bytes(good[:place] + bytes([good[place] ^ 4]) + good[place + 1 :])
        try:
            found = Assistant(Index.open(index, embedder)).search(QUESTION)
        except RagError as error:
            assert is_clear(error), error
            refused += 1
        else:
            answered += 1
            assert all(answer.answer in texts[answer.citation.span.document_id] for answer in found)
    assert answered > 5 and refused > 0


def flips(index: Path, count: int) -> Iterator[tuple[Path, bytes, bytes]]:
    """Yield random places of the index: the file, what it holds, and that with one bit flipped."""
    chance = random.Random(11)
    held = [(path, path.read_bytes()) for kind in FILES for path in files(index, kind)]
    held = [(path, good) for path, good in held if good]
    for path, good in chance.choices(held, weights=[len(good) for _, good in held], k=count):
        place = chance.randrange(len(good))
        yield path, good, good[:place] + bytes([good[place] ^ (1 << chance.randrange(8))]) + good[place + 1 :]


@pytest.fixture
def large(seeds: Path, tmp_path: Path, embedder: "Embedder", monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an index of the seeds whose files of over 1,000 bytes count as large: opening hashes 64 at both ends."""
    monkeypatch.setattr(integrity, "MAX_OPENING_HASH_BYTES", 1_000)
    monkeypatch.setattr(integrity, "END_BYTES", 64)
    Index.build(seeds, tmp_path / "large", embedder=embedder).close()
    return tmp_path / "large"


def after_flips(index: Path, count: int, embedder: "Embedder", right: Response) -> Counter[str]:
    """Return how many bits, flipped one at a time, were refused at opening, by a question, or changed no answer."""
    found = Counter[str]()
    for path, good, bad in flips(index, count):
        path.write_bytes(bad)
        assert is_found(index), path
        done = "refused at opening"
        try:
            opened = Index.open(index, embedder)
            done = "refused when asked"
            response = Assistant(opened).ask(QUESTION)
        except RagError as error:
            assert is_clear(error), error
        else:
            done = "the right answer" if shown(response) == shown(right) else "another answer"
        found[done] += 1
        path.write_bytes(good)
    assert shown(asked(index, embedder)) == shown(right)
    return found


def test_a_bit_flipped_in_a_large_file_is_refused_before_anything_is_answered(
    large: Path, embedder: "Embedder", right: Response
) -> None:
    found = after_flips(large, 40, embedder, right)
    assert found["another answer"] == found["the right answer"] == 0
    assert found["refused when asked"] > 20, "opening does not read what lies between the ends"


@pytest.mark.slow
@pytest.mark.parametrize("which", ["index", "large"])
def test_one_bit_flipped_at_300_random_places_gives_an_error_or_the_right_answer(
    which: str, embedder: "Embedder", right: Response, request: pytest.FixtureRequest
) -> None:
    """`large`: as in large files, whose middle is not hashed at opening; `rag check` finds every one of them."""
    found = after_flips(request.getfixturevalue(which), 300, embedder, right)
    sys.stderr.write(f"\nbits flipped, {which}: {dict(found)}\n")
    assert found["another answer"] == 0


@pytest.mark.parametrize("read", [
    lambda index: index.documents(), lambda index: index.document("x"), lambda index: index.facets(["author"]),
    lambda index: index.near_duplicates(), lambda index: index.words, lambda index: index.vectors,
    lambda index: index.sentence_vectors([1]), lambda index: index.masks("x"),
    lambda index: index.selection({"author": "A"}),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["documents.sqlite", "vectors.faiss", "words"])
def test_nothing_is_read_from_a_large_file_that_is_damaged(
    kind: str, read: Callable[[Index], object], large: Path, embedder: "Embedder"
) -> None:
    path = max(files(large, kind), key=lambda file: file.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    index = Index.open(large, embedder)
    for _ in range(2):
        with pytest.raises(IndexCorrupt, match="hash differs") as caught:
            read(index)
        assert str(path) in str(caught.value) and is_clear(caught.value)
    index.close()


CUT_AFTER_OPENING = """
import sys
from pathlib import Path
from rag.index.storage.lexical import TantivyStore
folder = Path(sys.argv[1])
words = TantivyStore(folder)
words.add(range(500), [f"text number {n} of {n * n} words" for n in range(500)], ["heading"] * 500)
words.commit()
files = {file: file.read_bytes() for file in folder.iterdir() if not file.name.startswith((".", "meta"))}
for _ in range(300):
    TantivyStore.open(folder, "english")
    for file, content in files.items():
        file.write_bytes(b"")
        file.write_bytes(content)
"""


def test_a_file_of_words_that_is_cut_right_after_opening_does_not_end_the_process(tmp_path: Path) -> None:
    """A thread of tantivy reads the files once more after they were opened (SIGBUS, if a mapped file was cut)."""
    done = subprocess.run([sys.executable, "-c", CUT_AFTER_OPENING, str(tmp_path)], capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()


def changes(path: Path) -> Iterator[Callable[[], object]]:
    """Yield ways to change a file under a process that has opened it."""
    content = path.read_bytes()
    yield lambda: os.truncate(path, 0)
    yield lambda: os.truncate(path, len(content) // 2)
    yield lambda: path.write_bytes(bytes(len(content)))
    yield lambda: (path.with_name("other").write_bytes(b"other"), path.with_name("other").replace(path))


@pytest.mark.parametrize("mapped", [False, True])
def test_a_file_changed_under_an_open_assistant_gives_a_clear_error_or_the_right_answer(
    mapped: bool, index: Path, tmp_path: Path, embedder: "Embedder", right: Response, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mapped:
        monkeypatch.setattr(stable_files, "MAX_PRIVATE_BYTES", 0)
    refused = 0
    for path in (file for kind in FILES for file in files(index, kind) if file.stat().st_size):
        content = path.read_bytes()
        for change in changes(path):
            assistant = Assistant(Index.open(index, embedder))
            change()
            try:
                assert shown(assistant.ask(QUESTION)) == shown(right), path
            except RagError as error:
                assert is_clear(error), error
                refused += 1
            path.write_bytes(content)
    assert refused >= (20 if mapped else 0)


def test_large_files_are_checked_once_and_also_when_a_writer_has_dropped_them(
    large: Path, embedder: "Embedder", monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    real = integrity._sha256

    def counted(stream: IO[bytes]) -> str | None:
        hashed.append(stream.name)
        return real(stream)

    monkeypatch.setattr(integrity, "_sha256", counted)
    reader = Index.open(large, embedder)
    names = [file for kind in ("documents.sqlite", "vectors.faiss", "words") for file in files(large, kind)]
    expected = {str(file) for file in names if file.stat().st_size > 1_000}
    assert len(expected) > 3 and hashed == []
    writer = Index.open(large, embedder)
    for n in range(3):
        writer.add([Document(f"{n}", f"Text number {n} tells of the year.")])
    assert not (large / "v000001").exists()

    hashed.clear()
    with ThreadPoolExecutor(8) as pool:
        assert {len(found) for found in pool.map(lambda _: reader.documents(), range(8))} == {2}
    assert sorted(hashed) == sorted(expected), "each file once"
    assert len(reader.near_duplicates()) == 0 and len(hashed) == len(expected)
    reader.close()
    writer.close()


def is_found(index: Path) -> bool:
    try:
        return bool(examine(index))
    except IndexProblem:
        return True


@pytest.mark.parametrize("place", range(8))
def test_a_bit_flipped_in_sentence_vectors_is_noticed_where_they_are_used(
    place: int, index: Path, seeds_index: Index, embedder: "Embedder", monkeypatch: pytest.MonkeyPatch
) -> None:
    row = seeds_index.store.rows()[0]
    vectors = seeds_index.store.sentence_vectors([row])[row]
    (path,) = files(index, "documents.sqlite")
    good = path.read_bytes()
    at = good.index(vectors[:64]) + place * 7
    path.write_bytes(good[:at] + bytes([good[at] ^ (1 << place)]) + good[at + 1 :])

    assert "hash differs" in examine(index)[0]
    monkeypatch.setattr(integrity, "_is_whole", lambda *_: True)
    with pytest.raises(IndexCorrupt, match="sentence vectors") as caught:
        Index.open(index, embedder).sentence_vectors([row])
    assert is_clear(caught.value)


def test_check_names_the_documents_of_a_damaged_store(index: Path, seeds: Path) -> None:
    (path,) = files(index, "documents.sqlite")
    name, text = next((file.name, file.read_bytes()) for file in sorted(seeds.iterdir()))
    good = path.read_bytes()
    at = good.index(text[1_000:1_030])
    path.write_bytes(good[:at] + b"X" + good[at + 1 :])
    found = examine(index)
    assert "hash differs" in found[0] and any(
        repr(name) in line and "not what was stored" in line for line in found[1:]
    )


@pytest.mark.parametrize("kind", FILES)
def test_the_shell_says_in_one_line_what_is_damaged_and_what_to_do(
    kind: str, index: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files(index, kind)[0]
    path.write_bytes(path.read_bytes()[:-3] + b"bad")
    for command in (["ask", QUESTION], ["search", "drones"], ["documents", "list"], ["check"], ["index", "seeds"]):
        monkeypatch.setattr(sys, "argv", ["rag", *command, "--index", str(index)])
        with pytest.raises(SystemExit) as caught:
            main()
        shown = capsys.readouterr()
        assert caught.value.code == 2 and shown.out == ""
        assert shown.err.startswith("error: ") and shown.err.count("\n") == 1 and str(path) in shown.err
        assert "--repair" in shown.err or "--rebuild" in shown.err


def test_every_derived_file_is_mended(index: Path, embedder: "Embedder", right: Response) -> None:
    for path in (*files(index, "vectors.faiss"), *files(index, "words")):
        path.write_bytes(b"damaged")
    assert len(repair(index, embedder=embedder)) == len(files(index, "words")) + 1

    assert examine(index) == []
    answers = asked(index, embedder).to_dict()["answers"]
    assert [answer["answer"] for answer in answers] == [answer.answer for answer in right.answers]


def test_a_lost_version_is_mended_from_the_sources(
    index: Path, seeds: Path, embedder: "Embedder", right: Response
) -> None:
    for damaged in ("manifest.json", "documents.sqlite"):
        files(index, damaged)[0].write_bytes(b"damaged")
        Index.build(seeds, index, embedder=embedder).close()
        assert examine(index) == []
        assert [a.answer for a in asked(index, embedder).answers] == [a.answer for a in right.answers]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the limit on file sizes is set for a process of its own")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("limit", [0, 20, 1_000, 30_000, 55_000, 100_000])
def test_a_full_disk_leaves_the_last_commit(limit: int, index: Path, embedder: "Embedder", right: Response) -> None:
    """A limit on the size of a file makes writes fail as a full disk does, at another file for each limit."""
    new = [Document(f"{n}", f"Text number {n} is about {n * n}, {os.urandom(90).hex()}.") for n in range(30)]
    if limit == 100_000:
        new += [Document("long", "A sentence of a long text. " * 5_000)]
    child = os.fork()
    if not child:
        _exit_with(lambda: Index.open(index, embedder).add(new), limit)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    assert examine(index) == [] and read_manifest(index).version == 1
    assert shown(asked(index, embedder)) == shown(right)
    opened = Index.open(index, embedder)
    assert len(opened.add(new[:2]).added) == 2 and examine(index) == []
    opened.close()


def _exit_with(write: Callable[[], object], limit: int) -> None:
    """End this process with 0 where `write` ends in the error that a full disk must give."""
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        write()
    except IndexWriteFailed as error:
        os._exit(0 if "last commit" in error.remedy and "\n" not in str(error) else 3)
    except BaseException as error:
        os.write(2, f"{error!r}\n".encode())
    finally:
        os._exit(4)
