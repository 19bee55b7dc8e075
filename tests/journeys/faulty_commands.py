"""Runs each command that writes again and again, each time with another of its writing calls going wrong.

    LD_PRELOAD=faulty_writes.so python -m tests.journeys.faulty_commands FOLDER FAULT EVERY [COMMAND...]

`tests/journeys/test_faulty_commands.py` starts it. FAULT is `kill` (the process is killed before the call) or `full`
(the call fails as on a full disk). Writing calls are those that write, cut or sync a file, and before a kill those that
rename, link or delete one or make a folder. After each fault a reader must see the old content or the new, `rag check`
must tell the truth, a command that was not killed must have ended or have said what to do, and the command, run again,
must end with the new content and leave no drafts. The exit status is 1 if any did not.
"""

import errno
import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rag.answering import feedback
from rag.answering.assistant import Assistant
from rag.answering.confidence import calibration_of, save_calibration, shipped
from rag.core.errors import IndexNotFound, InvalidInput
from rag.core.protocols import Embedder
from rag.core.settings import Settings
from rag.embedding.embedder import open_embedder
from rag.index.index import Index
from rag.index.repair import examine, repair
from rag.index.storage.documents import Store
from rag.index.storage.manifest import CALIBRATION, DOCUMENTS, TOKENS, read_manifest
from rag.index.transfer import export_index, import_index
from rag.loading.sources import UPLOADS
from rag.server.api.tokens import Tokens
from rag.server.files.removals import Removals
from rag.server.files.uploads import add_files
from rag.server.rights.rights_file import Rights
from rag.standing.questions import StandingQuestions
from rag.standing.standing_file import read_standing, without_question
from tests.journeys.faulty_writes import NOT_REACHED, OTHERWISE, armed, texts

FAULTS = {"kill": 0, "full": errno.ENOSPC}
READER = Settings().reader
FILES = 12
UPLOADED = "pier.txt"
Step = Callable[[Path], object]


class Commands:
    """The commands, each of a folder with an index, and what a reader sees after each."""

    def __init__(self, embedder: Embedder, articles: Path) -> None:
        self._embedder, self._articles = embedder, articles
        self.all: dict[str, tuple[Step, Step]] = {
            "index": (self.index, lambda folder: content(folder / "new")),
            "index --rebuild": (self.rebuild, content_of_index),
            "index --sync": (self.sync, content_of_index),
            "documents remove": (lambda folder: self.opened(folder).remove("0001.txt"), content_of_index),
            "upload": (self.upload, content_of_index),
            "upload again": (self.upload_again, content_of_index),
            "remove an upload": (self.remove_upload, content_of_index),
            "check --repair": (self.repair, lambda folder: problems(folder / "damaged")),
            "check --repair, calibration": (self.repair_calibration, lambda folder: problems(folder / "uncalibrated")),
            "calibrate": (calibrate, lambda folder: calibration_of(folder / "index", READER)),
            "token add": (lambda folder: tokens(folder).add("new", "read"), token_names),
            "token remove": (lambda folder: tokens(folder).remove("old"), token_names),
            "user add": (lambda folder: rights(folder).add_user("new", {"*": "read"}, None), users),
            "user remove": (lambda folder: rights(folder).remove("user", "old"), users),
            "standing add": (lambda folder: self.standing(folder).add("What was lit?"), events),
            "standing check": (lambda folder: self.standing(folder).check(), events),
            "standing remove": (lambda folder: without_question(folder / "index", standing_id(folder)), events),
            "feedback": (lambda folder: feedback.keep(folder / "index", verdict("r_2")), verdicts),
            "export": (lambda folder: export_index(folder / "index", folder / "out" / "a.zip"), exported),
            "import": (import_, lambda folder: content(folder / "new")),
        }  # fmt: skip

    def opened(self, folder: Path) -> Index:
        return Index.open(folder / "index", self._embedder)

    def index(self, folder: Path) -> None:
        Index.build(self._articles, folder / "new", embedder=self._embedder)

    def rebuild(self, folder: Path) -> None:
        Index.build(self._articles, folder / "index", embedder=self._embedder)

    def sync(self, folder: Path) -> None:
        self.opened(folder).sync(self._articles)

    def upload(self, folder: Path) -> None:
        add_files(self.opened(folder), [("lamp.txt", folder / "lamp.txt")])

    def upload_again(self, folder: Path) -> None:
        add_files(self.opened(folder), [(UPLOADED, folder / "lamp.txt")])

    def remove_upload(self, folder: Path) -> None:
        Removals().remove(self.opened(folder), [UPLOADED])

    def repair(self, folder: Path) -> None:
        repair(folder / "damaged", embedder=self._embedder)

    def repair_calibration(self, folder: Path) -> None:
        repair(folder / "uncalibrated", embedder=self._embedder)

    def standing(self, folder: Path) -> StandingQuestions:
        return StandingQuestions(Assistant(self.opened(folder)))

    def prepare(self, folder: Path) -> None:
        """Make what the commands start from."""
        articles, index = self._articles, folder / "index"
        articles.mkdir()
        folder.mkdir()
        for n in range(FILES):
            (articles / f"{n:04}.txt").write_text(f"Report {n}.\n\nThe first count was {n * n}.")
        Index.build(articles, index, embedder=self._embedder).close()
        (folder / "lamp.txt").write_text("The lamp was lit at dusk.")
        (folder / "out").mkdir()
        for colour in ("red", "green"):
            (folder / UPLOADED).write_text(f"The pier was painted {colour}.")
            add_files(self.opened(folder), [(UPLOADED, folder / UPLOADED)])
            if colour == "red":
                self.standing(folder).add("What was painted?")
        save_calibration(shipped(READER), index / CALIBRATION)
        tokens(folder).add("old", "read")
        rights(folder).add_user("old", {"*": "read"}, None)
        feedback.keep(index, verdict("r_1"))
        export_index(index, folder / "a.zip")
        shutil.copytree(index, folder / "uncalibrated")
        (folder / "uncalibrated" / CALIBRATION).write_text("damaged")
        shutil.copytree(index, folder / "damaged")
        for file in (folder / "damaged" / read_manifest(index).folder).rglob("*"):
            if file.is_file() and "documents" not in file.name:
                file.write_bytes(b"damaged")
        for n in range(0, FILES, 3):
            (articles / f"{n:04}.txt").write_text(f"Report {n}.\n\nThe second count was {n + 7}, not {n * n}.")


def content(index: Path) -> object:
    """Return what the documents of an index say, and the problems of its files."""
    try:
        return texts(index), examine(index)
    except IndexNotFound:
        return "no index"


def problems(index: Path) -> object:
    """Return the documents of an index whose derived files may be damaged, and what `rag check` says."""
    store = Store(index / read_manifest(index).folder / DOCUMENTS)
    names = [summary.id for summary in store.summaries()]
    store.close()
    return names, [line.replace(str(index), "") for line in examine(index)]


def content_of_index(folder: Path) -> object:
    return content(folder / "index")


def import_(folder: Path) -> None:
    import_index(folder / "a.zip", folder / "new")


def calibrate(folder: Path) -> None:
    save_calibration(replace(shipped(READER), questions=7), folder / "index" / CALIBRATION)


def tokens(folder: Path) -> Tokens:
    return Tokens(folder / "index" / TOKENS)


def token_names(folder: Path) -> object:
    return [token.name for token in tokens(folder).listed()]


def rights(folder: Path) -> Rights:
    return Rights(folder / "index" / "rights.json")


def users(folder: Path) -> object:
    return [holder.name for holder in rights(folder).holders()]


def events(folder: Path) -> object:
    """Return each standing question with the kinds of its events; their times differ from run to run."""
    questions = read_standing(folder / "index").questions
    return [(question.text, [event.kind for event in question.history]) for question in questions]


def standing_id(folder: Path) -> str:
    return next((question.id for question in read_standing(folder / "index").questions), "gone")


def verdict(response: str) -> dict[str, object]:
    return {
        "schema": feedback.FEEDBACK_SCHEMA,
        "response_id": response,
        "rank": 1,
        "document_id": "a",
        "verdict": "right",
    }


def verdicts(folder: Path) -> object:
    return [line["response_id"] for line in feedback.read_feedback(folder / "index")]


def exported(folder: Path) -> object:
    """Return what an exported file holds, if there is one."""
    file, index = folder / "out" / "a.zip", folder / "read"
    if not file.exists():
        return "no file"
    shutil.rmtree(index, ignore_errors=True)
    import_index(file, index)
    held = content(index)
    shutil.rmtree(index)
    return held


def drafts(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.partial"))


def orphans(folder: Path) -> list[str]:
    """Return the uploaded files that no document has."""
    names = texts(folder / "index")
    return [path.name for path in (folder / "index" / UPLOADS).iterdir() if path.name not in names]


def again(write: Step, copy: Path) -> None:
    """Run a command after a kill; it may say that all is done already."""
    try:
        write(copy)
    except InvalidInput:
        return


def tried(base: Path, copy: Path, error: int, every: int, write: Step, seen: Callable[[Path], object]) -> Counter[str]:
    """Return what a reader saw after a fault at every `every`th writing call of a command; an error of 0 kills it."""
    outcomes, old = Counter[str](), seen(base)
    fresh(base, copy)
    write(copy)
    new = seen(copy)
    assert new != old
    for call in range(0, 100_000, every):
        fresh(base, copy)
        status = armed(lambda: write(copy), copy, call, error)
        if status == NOT_REACHED:
            return outcomes
        after = seen(copy)
        state = "old" if after == old else "new" if after == new else f"LOST before call {call}: {after}"
        outcomes[state] += 1
        if status == OTHERWISE:
            outcomes[f"LOST: no clear line at call {call}"] += 1
        if state in ("old", "new") and orphans(copy):
            outcomes["uploads without a document"] += 1
        again(write, copy)
        if seen(copy) != new or drafts(copy):
            outcomes[f"LOST: run again after a fault at call {call}: {drafts(copy)} {seen(copy)}"[:500]] += 1
    return outcomes


def fresh(base: Path, copy: Path) -> None:
    # Whoever watches the words of the copy before may put a lock file there meanwhile.
    while copy.exists():
        shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(base, copy)


def main() -> None:
    """Print what became of every command."""
    folder, error, every = Path(sys.argv[1]), FAULTS[sys.argv[2]], int(sys.argv[3])
    embedder = open_embedder(Settings())
    embedder.embed_queries(["ready"])
    commands = Commands(embedder, folder / "articles")
    commands.prepare(folder / "base")
    faults, is_lost = 0, False
    for name in sys.argv[4:] or commands.all:
        write, seen = commands.all[name]
        outcomes = tried(folder / "base", folder / "copy", error, every, write, seen)
        faults += sum(count for state, count in outcomes.items() if state in ("old", "new") or "LOST before" in state)
        is_lost = is_lost or any("LOST" in state for state in outcomes)
        sys.stdout.write(f"{name}: {json.dumps(outcomes)}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{faults} faults\n")
    sys.exit(int(is_lost))


if __name__ == "__main__":
    main()
