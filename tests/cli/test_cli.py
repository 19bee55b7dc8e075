"""The shell, by its real entry: what it prints, and one line with a remedy and exit status 2 for every mistake."""

import functools
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rag import __version__
from rag.cli.main import main
from rag.cli.terminal import ProgressBar
from rag.core.reports import Progress
from rag.core.response import Response
from rag.index.index import Index
from rag.index.writing.commit import writing

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

QUESTION = "Why did Armenia recall its ambassador to Israel?"
HEAVY = ("torch", "faiss", "transformers", "sentence_transformers", "gradio", "sklearn", "tantivy", "numpy")


@dataclass(frozen=True)
class Shown:
    code: int
    out: str
    err: str


Shell = Callable[..., Shown]


@pytest.fixture
def rag(
    tmp_path: Path,
    embedder: "Embedder",
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Shell:
    """Run a command line in an empty folder; the shipped model is the one that is loaded already."""
    from rag.core.settings import Settings
    from rag.embedding.embedder import open_embedder

    def opened(settings: Settings) -> "Embedder":
        return embedder if settings.embedding_model == embedder.name else open_embedder(settings)

    monkeypatch.setattr("rag.index.index.open_embedder", opened)
    monkeypatch.chdir(tmp_path)

    def run(*given: str | Path) -> Shown:
        monkeypatch.setattr(sys, "argv", ["rag", *map(str, given)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main()
        shown = capsys.readouterr()
        return Shown(int(caught.value.code or 0), shown.out, shown.err)

    return run


@pytest.fixture
def seeded(seeds_index: Index, tmp_path: Path) -> Path:
    """Return the folder of an index of the seed articles, which lies where commands look for one."""
    shutil.copytree(seeds_index.path, tmp_path / "index")
    return tmp_path / "index"


def refused(shown: Shown, *words: str) -> None:
    """Assert one line on standard error with these words, nothing on standard output, and exit status 2."""
    assert shown.code == 2 and shown.out == "", shown
    assert shown.err.startswith("error: ") and shown.err.count("\n") == 1, shown.err
    for word in words:
        assert word in shown.err, shown.err


def process(*given: str, code: str = "from rag.cli.main import main; main()", **environment: str) -> Any:
    command = [sys.executable, "-c", code, *given]
    return subprocess.run(command, capture_output=True, env={**os.environ, **environment}, timeout=300)


# Start


def test_help_costs_little() -> None:
    code = (
        "import contextlib, sys\nfrom rag.cli.main import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "print(sum('coverage' not in name for name in sys.modules))"
    )
    *lines, modules = process("--help", code=code).stdout.decode().splitlines()
    text = "\n".join(lines)
    assert "ask" in text and "index" in text
    # Time goes into imports: some 200 modules take .17 s of CPU, all that an answer needs take seconds.
    assert int(modules) < 260


@pytest.mark.parametrize(
    "code", ["import rag", "import rag.cli.main", "import rag; rag.Settings(); rag.Document('a', 'b')"]
)
def test_importing_loads_nothing_heavy(code: str) -> None:
    shown = process(code=f"{code}; import sys; print([name for name in {HEAVY} if name in sys.modules])")

    assert (shown.stdout, shown.stderr) == (b"[]\n", b"")


def test_every_command_explains_itself(rag: Shell) -> None:
    for command in ("index", "ask", "search", "documents", "verify", "eval", "calibrate", "check", "serve"):
        shown = rag(command, "--help")
        assert shown.code == 0 and "Usage:" in shown.out and shown.err == ""


# What it prints


def test_index_reports_every_file_and_runs_again_quickly(rag: Shell, seeds: Path, tmp_path: Path) -> None:
    shutil.copytree(seeds, "articles")
    Path("articles/copy.txt").write_bytes((seeds / "003_ef5e1746d28300d1.txt").read_bytes())
    Path("articles/picture.png").write_bytes(b"x")
    first = rag("index", "articles")
    described = "10 passages, 5,432 characters, 9% masked (repeated 7%, widget 1%, account 1%, subscribe 0%)"
    assert first.code == 0
    assert first.out.splitlines() == [
        "added\t000_73dfa9be11753c50.txt\t7 passages, 4,133 characters, 12% masked (copyright 9%, comments 3%)",
        f"added\t003_ef5e1746d28300d1.txt\t{described}",
        f"added\tcopy.txt\t{described}",
        "duplicate\t003_ef5e1746d28300d1.txt\tsame text as copy.txt",
        "index: 3 added, 0 updated, 0 unchanged, 0 removed, 1 failed.",
    ]
    (failed,) = [line for line in first.err.splitlines() if " left" not in line and "document" not in line]
    assert failed.startswith("failed\tpicture.png\t") and failed.endswith("pip install 'pincite-slim[ocr]'")
    Path("articles/copy.txt").unlink()
    assert "removed\tcopy.txt" in rag("index", "articles", "--sync").out
    sound = rag("check").out
    assert sound.startswith(f"index: version 2, 2 documents, {Index.open('index').info.chunks} chunks, ")
    assert sound.endswith(" since the version before), all sound.\n")

    code = "import sys\nfrom rag.cli.main import main\ntry: main()\nfinally: print('torch' in sys.modules)"
    again = process("index", "articles", code=code)
    lines = ["index: 0 added, 0 updated, 2 unchanged, 0 removed, 1 failed.", "False"]
    assert again.stdout.decode().splitlines() == lines, again.stderr


def test_progress_goes_to_standard_error(rag: Shell, seeds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.cli.terminal.SECONDS_BETWEEN_LINES", -1)
    shown = rag("index", seeds)

    assert "1 document\n" in shown.err and "2 documents" in shown.err
    assert "about" not in shown.out


@pytest.mark.parametrize(
    ("done", "seconds", "left"),
    [(1, 9.0, None), (4, 60.0, None), (50, 9.9, None), (5, 10.0, 190.0), (50, 20.0, 20.0), (100, 20.0, 0.0)],
)
def test_a_time_left_is_told_once_there_is_a_pace(done: int, seconds: float, left: float | None) -> None:
    assert Progress("a", done, 100, 1, seconds).seconds_left == left


def test_a_write_that_is_stopped_says_what_became_of_the_index(
    rag: Shell, seeded: Path, seeds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("new.txt").write_text("A new bridge was opened in Avon.")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rag.cli.terminal.ProgressBar._tell", interrupted)
    shown = rag("index", "new.txt")
    assert (shown.code, shown.out) == (130, "")
    assert shown.err.startswith("Stopped. The index is at its last commit") and shown.err.count("\n") == 1
    assert "new.txt" not in rag("documents", "list").out and rag("check").code == 0


def test_ask_prints_a_quotation_with_its_place(rag: Shell, seeded: Path, seeds: Path) -> None:
    shown = rag("ask", QUESTION)
    quote = shown.out.split("“")[1].split("”")[0]
    name = shown.out.split("(")[1].split(")")[0]

    assert shown.code == 0 and shown.out.startswith("[1] “")
    assert quote in (seeds / name).read_text(encoding="utf-8") and "line " in shown.out and "confidence" in shown.out


def test_ask_gives_the_same_response_in_every_form(rag: Shell, seeded: Path, seeds: Path) -> None:
    found = json.loads(rag("ask", QUESTION, "--json", "--top-k", "1").out)
    (answer,) = found["answers"]
    offset = answer["citation"]["document_offset"]
    text = (seeds / answer["citation"]["document_id"]).read_bytes().decode()

    assert text[offset["start"] : offset["end"]] == answer["answer"]
    assert answer["answer"] in rag("ask", QUESTION, "--markdown").out.replace("\n> ", " ")
    assert rag("ask", QUESTION, "--bibtex").out.startswith("@")
    assert json.loads(rag("ask", QUESTION, "--explain").out)["explain"]["fused"]


def test_no_answer_is_a_success_that_says_why(rag: Shell, seeded: Path) -> None:
    shown = rag("ask", "How do I bake sourdough bread?", "--min-confidence", "1")

    assert shown.code == 0 and shown.out.startswith("No answer: ") and "not answers" in shown.out
    assert "sourdough" in shown.out


def test_documents_are_listed_shown_and_removed(rag: Shell, seeded: Path, seeds: Path) -> None:
    first, second = sorted(path.name for path in seeds.iterdir())
    listed = rag("documents", "list").out.splitlines()

    assert [line.split("\t")[0] for line in listed] == [first, second]
    assert [item["id"] for item in json.loads(rag("documents", "list", "--json").out)] == [first, second]
    assert rag("documents", "show", first).out.rstrip("\n") == (seeds / first).read_bytes().decode().rstrip("\n")
    described = "7 passages, 4,133 characters, 12% masked (copyright 9%, comments 3%)"
    assert rag("documents", "show", first).err == f"{first}: {described}\n" and "\t12% masked\t" in listed[0]
    assert "\tcopyright\t" in rag("documents", "show", first, "--masked").out
    assert rag("documents", "remove", first).out == f"Removed {first}.\n"
    for command in ("show", "remove"):
        refused(rag("documents", command, first), first, "rag documents list")
    assert rag("check").code == 0


def test_saved_citations_are_checked_against_the_index(rag: Shell, seeded: Path, seeds: Path) -> None:
    Path("saved.json").write_text(rag("ask", QUESTION, "--json").out, encoding="utf-8")
    shown = rag("verify", "saved.json")
    assert shown.code == 0 and shown.out.startswith("exact\t")
    name = json.loads(Path("saved.json").read_text())["answers"][0]["citation"]["document_id"]
    rag("documents", "remove", name)
    shown = rag("verify", "saved.json", "--json")
    assert shown.code == 1 and "gone" in {item["status"] for item in json.loads(shown.out)}
    shown = rag("verify", "saved.json")
    assert "gone\t" in shown.out and " gone." in shown.out.splitlines()[-1]


def test_files_that_changed_since_they_were_indexed_are_told(rag: Shell, tmp_path: Path) -> None:
    note = tmp_path / "notes/harbour.md"
    note.parent.mkdir()
    note.write_text("The harbour of Ketola closes at midnight in winter.\n", encoding="utf-8")
    rag("index", "notes")
    Path("saved.json").write_text(
        rag("ask", "When does the harbour of Ketola close?", "--min-confidence", "0", "--json").out, encoding="utf-8"
    )

    def told() -> tuple[int, str, Any]:
        shown = rag("verify", "saved.json")
        first = json.loads(rag("verify", "saved.json", "--json").out)[0]
        assert first["status"] == "exact" and shown.out.startswith("exact\t"), "of the index nothing changed"
        return shown.code, "".join(line for line in shown.out.splitlines() if "no longer" in line), first["source_file"]

    assert told() == (0, "", {"path": str(note), "state": "as_indexed"})
    note.write_text("The harbour of Ketola is closed.\n", encoding="utf-8")
    code, line, file = told()
    assert code == 0 and file == {"path": str(note), "state": "changed"}
    assert "harbour.md (changed)" in line and "rag index FOLDER --sync" in line
    note.unlink()
    code, line, file = told()
    assert code == 0 and "harbour.md (missing)" in line and file == {"path": str(note), "state": "missing"}


def test_answers_are_saved_as_evidence_that_can_be_checked(rag: Shell, seeded: Path) -> None:
    Path("evidence.json").write_text(rag("ask", QUESTION, "--format", "evidence").out, encoding="utf-8")
    assert set(json.loads(Path("evidence.json").read_text())) == {"read_on", "response"}
    assert rag("verify", "evidence.json").code == 0
    assert json.loads(rag("ask", QUESTION, "--format", "csl").out)[0]["type"] == "document"
    assert json.loads(rag("ask", QUESTION, "--format", "annotation").out)["type"] == "AnnotationPage"
    refused(rag("ask", QUESTION, "--format", "pdf"), "'pdf'", "annotation")


def test_a_precision_out_of_reach_is_said_with_the_best_that_was_reached(rag: Shell, seeded: Path) -> None:
    refused(rag("ask", QUESTION, "--min-precision", "1.0"), "precision of 1", "rag calibrate")
    refused(rag("ask", QUESTION, "--min-precision", "0.5", "--min-confidence", "0.5"), "Both", "one of them")


def test_a_document_cannot_drive_the_terminal(rag: Shell) -> None:
    Path("evil.txt").write_text(
        "Drones fly at \x1b[2J\x1b]0;owned\x07night over \u202eriver\u202c banks 👨‍👩‍👧 today.\n"
    )
    rag("index", "evil.txt")
    for command in (["search", "drones"], ["ask", "Where do drones fly at night?", "--min-confidence", "0"]):
        shown = rag(*command)
        assert "Drones fly at \ufffd[2J" in shown.out and "👨‍👩‍👧" in shown.out
        assert not set(shown.out) & set("\x1b\x07\u202e")


def test_output_is_utf8_whatever_the_locale(rag: Shell, tmp_path: Path) -> None:
    Path("a.txt").write_text("Łódź “quoted” 東京 👍.\n", encoding="utf-8")
    rag("index", "a.txt")
    for encoding in ("ascii", "cp1252", "utf-16"):
        shown = process("documents", "show", "a.txt", PYTHONIOENCODING=encoding)
        assert shown.stdout.decode("utf-8") == "Łódź “quoted” 東京 👍.\n"


def test_a_row_of_a_table_is_cited_by_its_row(rag: Shell) -> None:
    Path("t.csv").write_text("town,opened\nAvon,The bridge of Avon was opened in 1931.\n")
    rag("index", "t.csv")
    shown = rag("search", "bridge Avon")
    assert ", row " in shown.out and ", line " not in shown.out
    asked = rag("ask", "When was the bridge of Avon opened?", "--json", "--min-confidence", "0")
    Path("saved.json").write_text(asked.out)
    assert "\trow " in rag("verify", "saved.json").out


# Mistakes


def test_paths_that_hold_nothing(rag: Shell, tmp_path: Path) -> None:
    Path("empty").mkdir()
    refused(rag("index", "nowhere"), "nowhere", "spelling")
    refused(rag("index", "empty"), "empty", "Give files or folders")
    refused(rag("index", "with\nline end"), "line end")
    assert not Path("index").exists()


@pytest.mark.thorough
def test_the_real_command_refuses_as_well(tmp_path: Path) -> None:
    for given, words in (
        (["ask", "What?", "--index", str(tmp_path)], (b"There is no index at", b"rag index PATH")),
        (["index", str(tmp_path / "nowhere")], (b"There is nothing at", b"spelling")),
        (["ask", "Half a character: \udcff", "--index", str(tmp_path)], (b"There is no index at",)),
    ):
        shown = process(*given)
        assert shown.returncode == 2 and shown.stdout == b"" and shown.stderr.count(b"\n") == 1, shown
        assert shown.stderr.startswith(b"error: ") and all(word in shown.stderr for word in words)


def _no_file(path: Path) -> None:
    path.symlink_to("nothing is here")


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _not_text(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 20)


def _blank(path: Path) -> None:
    path.write_text(" \n")


@pytest.mark.parametrize("make", [_no_file, _pipe, _not_text, _blank])
def test_a_file_that_cannot_be_read_alone(make: Callable[[Path], None], rag: Shell) -> None:
    make(Path("bad.txt"))
    refused(rag("index", "bad.txt"), "bad.txt", "Give files that hold text.")
    assert not Path("index/manifest.json").exists()


@pytest.mark.parametrize("make", [_no_file, _not_text])
def test_a_file_that_cannot_be_read_beside_others(make: Callable[[Path], None], rag: Shell) -> None:
    Path("folder").mkdir()
    Path("folder/good.txt").write_text("Drones fly.")
    make(Path("folder/bad.txt"))
    shown = rag("index", "folder")

    assert shown.code == 2 and shown.err.startswith("failed\tbad.txt\t") and shown.err.count("\n") == 1
    assert "added\tgood.txt" in shown.out and "1 failed" in shown.out
    assert rag("check").code == 0 and "Drones fly." in rag("search", "drones").out
    Path("folder/bad.txt").unlink()
    Path("folder/bad.txt").write_text("Birds fly as well.")
    assert rag("index", "folder").code == 0


def test_nothing_replaces_an_index_when_no_source_can_be_read(rag: Shell, seeded: Path) -> None:
    _not_text(Path("bad.txt"))
    refused(rag("index", "bad.txt", "--rebuild"), "bad.txt")

    assert rag("check").out.startswith("index: version 1, 2 documents")


def test_no_index(rag: Shell, tmp_path: Path) -> None:
    Path("saved.json").write_text('{"answers": []}')
    Path("file").write_text("x")
    commands = (["ask", "What?"], ["search", "x"], ["documents", "list"], ["documents", "remove", "x"], ["check"])
    for command in (*commands, ["verify", "saved.json"], ["check", "--repair"]):
        for place in ("index", "file", "nowhere/deep"):
            refused(rag(*command, "--index", place), f"There is no index at {place}.", "Build one: rag index")
    refused(rag("index", "file", "--index", "file"), "is a file", "--index FOLDER")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "saved.json"]


def test_a_second_writer(rag: Shell, seeded: Path, seeds: Path) -> None:
    with writing(seeded):
        for command in (["index", seeds, "--rebuild"], ["index", seeds], ["documents", "remove", "x"]):
            refused(rag(*command), f"process {os.getpid()} on ", "Wait until it has ended")
        assert rag("ask", QUESTION).out.startswith("[1] “"), "readers go on"
    assert rag("check").code == 0


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("tpo_k=3", ["Unknown setting 'tpo_k'", "'top_k'"]),
        ("nonsense=1", ["Unknown setting 'nonsense'", "Known settings: embedding_model"]),
        ("top_k=0", ["top_k=0 is out of range", "from 1 to 50"]),
        ("top_k=99999999999999999999", ["out of range"]),
        ("dense_weight=nan", ["out of range", "from 0.0 to 1.0"]),
        ("top_k=many", ["top_k='many' is not a number"]),
        ("top_k=2.5", ["top_k='2.5' is not a number"]),
        ("top_k", ["'top_k' has no value", "--set key=value"]),
        ("chunk_size=300", ["chunk_size=900, not 300", "--rebuild"]),
        ("stemmer=klingon", ["stemmer='english', not 'klingon'", "--rebuild"]),
        ("embedding_model=other", ["embedding_model='all-MiniLM-L6-v2', not 'other'", "--rebuild"]),
    ],
)
def test_settings_that_cannot_be(setting: str, words: list[str], rag: Shell, seeded: Path) -> None:
    refused(rag("ask", QUESTION, "--set", setting), *words)


def test_settings_that_cannot_be_built_with(rag: Shell, seeds: Path) -> None:
    refused(rag("index", seeds, "--set", "chunk_size=10"), "chunk_size=10", "from 200 to 8000")
    refused(rag("index", seeds, "--set", "stemmer=klingon"), "klingon", "english")
    refused(rag("index", seeds, "--set", "embedding_model=./nowhere"), "./nowhere", "folder")
    assert not Path("index/manifest.json").exists()


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("", ["The question is empty"]),
        (" \t\n", ["The question is empty"]),
        ("x" * 100_000, ["100,000 characters", "max_question_length"]),
        ("half \ud800", ["surrogate"]),
    ],
    ids=["empty", "blank", "long", "half a character"],
)
def test_questions_that_cannot_be_asked(question: str, words: list[str], rag: Shell, seeded: Path) -> None:
    refused(rag("ask", question), *words)


def test_queries_that_cannot_be_searched(rag: Shell, seeded: Path) -> None:
    refused(rag("search", " "), "empty", "rag search")
    refused(rag("search", "x" * 100_000), "100,000 characters")
    refused(rag("ask", QUESTION, "--top-k", "0"), "top_k=0", "from 1 to 50")
    refused(rag("ask", QUESTION, "--min-confidence", "1.5"), "min_confidence=1.5", "from 0.0 to 1.0")


CITATIONS = (
    "null",
    "{}",
    '{"document_id": [], "document_offset": {"start": 0, "end": 1}}',
    '{"document_id": "a", "document_offset": {"start": "0", "end": 1}}',
    '{"document_id": "a", "document_offset": {"start": 0, "end": 1}}',
    '{"document_id": "a", "document_offset": {"start": 0, "end": 1}, "selector": [{"exact": 1}]}',
)
RESPONSES = (
    "",
    "no JSON",
    "[]",
    "{}",
    "null",
    "3",
    '"text"',
    "[1]",
    '{"answers": 1}',
    '{"answers": [1]}',
    "[" * 100_000,
)


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", *map(str.encode, RESPONSES), *(f'{{"answers": [{{"citation": {c}}}]}}'.encode() for c in CITATIONS)],
    ids=range(18),
)
def test_files_that_hold_no_saved_response(content: bytes, rag: Shell, seeded: Path) -> None:
    Path("saved.json").write_bytes(content)
    refused(rag("verify", "saved.json"), "Give the ")


def test_saved_responses_that_are_no_file(rag: Shell, seeded: Path) -> None:
    for name in ("nowhere.json", "index"):
        shown = rag("verify", name)
        refused(shown, name, "rag ask --json", "is a folder" if name == "index" else "There is no file")
        assert "Errno" not in shown.err


def test_a_file_of_settings_that_is_none(rag: Shell, seeded: Path) -> None:
    refused(rag("--config", "nofile.toml", "documents", "list"), "There is no file nofile.toml", "Give a file of")
    refused(rag("--config", "index", "documents", "list"), "index is a folder", "Give a file of")


def test_a_filter_that_leaves_nothing_is_named_by_a_search(rag: Shell, seeded: Path) -> None:
    assert "the filter leaves no document" in rag("search", "drones", "--filter", "path=nothing").out
    assert rag("search", "drones", "--filter", "path=nothing", "--json").out == "[]\n"


def test_two_forms_are_refused(rag: Shell, seeded: Path) -> None:
    refused(rag("ask", QUESTION, "--json", "--format", "markdown"), "--json and --format markdown", "one of them")
    refused(rag("ask", QUESTION, "--markdown", "--bibtex"), "--markdown and --bibtex")
    assert rag("ask", QUESTION, "--json", "--format", "json").code == 0


def test_a_mistake_in_the_command_line_is_one_line(rag: Shell) -> None:
    refused(rag("ask"), "question", "rag ask --help")
    refused(rag("ask", "x", "--nothing"), "--nothing", "rag ask --help")
    refused(rag("ask", "x", "--top-k", "many"), "--top-k", "rag ask --help")
    refused(rag("aks", "x"), "aks", "rag --help")
    assert "Usage:" in rag().err


def test_index_of_nothing_says_what_to_give(rag: Shell) -> None:
    refused(rag("index"), "No files are given.", "rag index FOLDER")
    Path("empty").mkdir()
    refused(rag("index", "empty"), "empty")


def test_check_compares_the_embedder_with_the_reference(
    rag: Shell, seeded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cosine, code in ((0.995, 0), (0.9, 2)):
        alike = functools.partial(np.full, fill_value=cosine)
        monkeypatch.setattr("rag.index.model_check.reference_cosines", lambda _, texts, alike=alike: alike(len(texts)))
        shown = rag("check", "--models")
        assert shown.code == code and f"mean cosine {cosine:.4f}, lowest {cosine:.4f}, 17 passages" in shown.out
    assert shown.err.startswith("error: The vectors differ too much.")


# In scripts


def test_a_question_comes_from_standard_input(rag: Shell, seeded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{QUESTION}\n"))
    assert rag("ask", "-").out == rag("ask", QUESTION).out
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    refused(rag("ask", "-"), "The question is empty")


def test_a_script_gets_the_bare_quotation_and_an_exit_status(rag: Shell, seeded: Path) -> None:
    shown = rag("ask", QUESTION, "--quiet", "--top-k", "1", "--exit-status")
    assert (shown.code, shown.err) == (0, "") and f"“{shown.out.strip()}”" in rag("ask", QUESTION).out
    none = rag("ask", QUESTION, "-q", "-e", "--min-confidence", "1.0")
    assert none == Shown(1, "", "")
    assert rag("ask", QUESTION, "--min-confidence", "1.0").code == 0
    refused(rag("ask", QUESTION, "--quiet", "--json"), "--quiet", "one of them")


def test_a_quiet_index_prints_only_what_failed(rag: Shell, seeds: Path) -> None:
    Path("picture.png").write_bytes(b"x")
    shown = rag("index", seeds / "003_ef5e1746d28300d1.txt", "picture.png", "--quiet")
    assert (shown.code, shown.out) == (0, "") and shown.err.startswith("failed\tpicture.png\t")
    assert shown.err.count("\n") == 1


def test_a_file_of_questions_is_answered_in_its_order(
    rag: Shell, seeded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("questions.txt").write_text(f"{QUESTION}\nWho is xyzzy?\n{QUESTION}\n")
    shown = rag("batch", "questions.txt")
    responses = [Response.from_dict(json.loads(line)) for line in shown.out.splitlines()]
    assert [response.question for response in responses] == [QUESTION, "Who is xyzzy?"], "each once"
    assert [response.status for response in responses] == ["answered", "no_answer"]
    assert (shown.code, shown.err) == (0, "2 questions, 1 answered.\n")
    Path("saved.jsonl").write_text(shown.out)
    assert rag("verify", "saved.jsonl").code == 0
    table = rag("batch", "questions.txt", "--format", "csv", "--quiet")
    assert table.err == "" and table.out.startswith("question,status,answer") and table.out.count("no_answer") == 1
    refused(rag("batch", "questions.txt", "--format", "pdf"), "pdf", "jsonl, csv")
    refused(rag("batch", "nowhere.txt"), "nowhere.txt")


def test_progress_has_no_colours_if_the_user_wants_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    with ProgressBar() as tell:
        tell(Progress("a", 50, 100, 1, 20.0))
    assert not re.search(r"\x1b\[[\d;]*[34]\d", capsys.readouterr().err), "a colour"


@pytest.mark.thorough
def test_the_shell_completes_commands_and_options() -> None:
    words = {"_RAG_COMPLETE": "complete_bash", "COMP_WORDS": "rag as", "COMP_CWORD": "1"}
    assert process(**words).stdout.decode().split() == ["ask"]
    words |= {"COMP_WORDS": "rag ask --exit", "COMP_CWORD": "2"}
    assert process(**words).stdout.decode().split() == ["--exit-status"]


def test_the_version_is_told(rag: Shell) -> None:
    shown = rag("--version")
    assert (shown.code, shown.err) == (0, "") and shown.out == f"pincite {__version__}\n"


# Another model


def tiny_model(path: Path, seed: int) -> Path:
    """Make a sentence-transformers model of one small layer with random weights and the shipped tokenizer."""
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import AutoTokenizer, BertConfig, BertModel

    from rag.embedding.weights import model_path

    torch.manual_seed(seed)
    shipped = model_path("all-MiniLM-L6-v2")
    bert = path / "bert"
    config = BertConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    BertModel(config).save_pretrained(bert)
    AutoTokenizer.from_pretrained(shipped).save_pretrained(bert)
    SentenceTransformer(str(bert), device="cpu").save(str(path / f"tiny {seed}"))
    return path / f"tiny {seed}"


def test_an_index_of_another_model_is_asked_with_that_model_and_no_other(rag: Shell, seeds: Path) -> None:
    model = tiny_model(Path.cwd(), 1)
    built = rag("index", seeds, "--set", f"embedding_model={model}")
    assert built.code == 0, built.err
    assert rag("search", "drones", "--set", "dense_weight=1").out.startswith("[1]")
    refused(rag("ask", QUESTION, "--set", "embedding_model=all-MiniLM-L6-v2"), "all-MiniLM-L6-v2", "--rebuild")
    shutil.rmtree(model)
    refused(rag("ask", QUESTION), str(model), "folder")
    tiny_model(Path.cwd(), 2).rename(model)
    refused(rag("ask", QUESTION), str(model), "--rebuild")
    Path("new.txt").write_text("A new text.")
    refused(rag("index", "new.txt"), str(model), "--rebuild")
    assert rag("check").code == 0 and rag("index", seeds, "--rebuild").code == 0
    assert rag("ask", QUESTION).out.startswith("[1] “")


def test_filters_choose_the_documents_and_facets_count_them(rag: Shell, tmp_path: Path) -> None:
    for town, year in (("Avon", 2011), ("Avon", 2014), ("Dover", 2014)):
        text = f"---\nauthor: {town} Press\ndate: {year}-05-01\n---\nThe bridge of {town} cost {year} pounds."
        (tmp_path / f"{town}{year}.md").write_text(text)
    assert rag("index", *tmp_path.glob("*.md")).code == 0

    chosen = ("--filter", "author=avon *", "--filter", "published_at>=2012")
    found = json.loads(rag("search", "bridge", *chosen, "--json").out)
    assert [answer["citation"]["document_id"] for answer in found] == ["Avon2014.md"]
    asked = json.loads(rag("ask", "What did the bridge of Dover cost?", *chosen, "--json").out)
    assert {answer["citation"]["document_id"] for answer in asked["answers"]} <= {"Avon2014.md"}
    refused = rag("ask", "What did it cost in Dover?", "--filter", "autor=x")
    assert refused.code == 2 and refused.err.count("\n") == 1 and "Did you mean 'author'?" in refused.err
    assert rag("documents", "facets", "author").out == "author\tAvon Press\t2\nauthor\tDover Press\t1\n"
    assert json.loads(rag("documents", "facets", "author", "--json").out) == {
        "author": {"Avon Press": 2, "Dover Press": 1}
    }


def test_a_dry_run_tells_what_would_be_done_and_writes_nothing(rag: Shell, tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text(f"The bridge of {name} was opened in May.")
    first = rag("index", tmp_path, "--dry-run")
    assert first.code == 0 and first.out.count("added\t") == 3 and not (tmp_path / "index").exists()
    assert rag("index", tmp_path).code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "index").rglob("*") if path.is_file()}

    (tmp_path / "a.txt").write_text("The bridge of a was closed in June.")
    (tmp_path / "b.txt").unlink()
    (tmp_path / "d.txt").write_text("A new bridge.")
    shown = rag("index", tmp_path, "--dry-run", "--sync").out.splitlines()
    assert shown[:3] == ["added\td.txt", "updated\ta.txt", "removed\tb.txt"] and "1 unchanged" in shown[3]
    assert "removed\t" not in rag("index", tmp_path, "--dry-run").out
    assert rag("index", tmp_path, "--dry-run", "--rebuild").out.count("added\t") == 3
    assert {path: path.read_bytes() for path in (tmp_path / "index").rglob("*") if path.is_file()} == before
    assert rag("index", tmp_path, "--dry-run", "--watch").code == 2

    done = rag("index", tmp_path, "--sync").out.splitlines()
    assert ["\t".join(line.split("\t")[:2]) for line in done[:3]] == shown[:3], "it does what the dry run said"
    assert "since the version before" in rag("check").out


def test_watching_syncs_when_files_change(rag: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("The bridge of Avon was opened in May.")
    looks = 0

    def wait(_: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            (tmp_path / "b.txt").write_text("The bridge of Borth was opened in June.")
            (tmp_path / "a.txt").unlink()
        if looks == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr("rag.cli.watching.changes.__defaults__", (0.0, wait))
    shown = rag("index", tmp_path, "--watch")
    assert shown.code == 130 and "Watching" in shown.err
    assert "added\tb.txt\t1 passage, 39 characters\nremoved\ta.txt" in shown.out
    assert [item["id"] for item in json.loads(rag("documents", "list", "--json").out)] == ["b.txt"]


def test_an_index_goes_out_and_in_by_one_file(rag: Shell, seeded: Path, tmp_path: Path) -> None:
    assert rag("export", "all.zip", "--index", seeded).code == 0
    assert rag("export", "all.zip", "--index", seeded).err.count("\n") == 1
    assert rag("import", "all.zip", "--index", "copy").out.startswith("copy: version 1, 2 documents")
    assert rag("check", "--index", "copy").code == 0
