"""Standing questions tell a changed, withdrawn or contradicted answer, and ask only what a change can touch."""

import json
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from rag.core.errors import IndexCorrupt, InvalidInput
from rag.core.types import Document
from rag.index.storage.manifest import STANDING
from rag.standing.feed import atom_feed
from rag.standing.questions import StandingQuestions, StandingReport
from rag.standing.standing_file import read_standing
from rag.standing.webhook import set_webhook, tell_webhooks

if TYPE_CHECKING:
    from rag.core.protocols import Embedder
    from rag.index.index import Index

FERRY = "When does the ferry of Marrowick leave?"
TEXTS = {
    "ferry": "The ferry of Marrowick leaves at noon on each Sunday. Tickets are sold on board.",
    "toll": "The toll of the bridge at Ostrel is 40 euros for a lorry. Cars pass free of charge.",
    "mill": "The mill of Tannhof was built in 1731 by the monks of Sankt Veit. It burned down twice.",
    "choir": "The choir of Hollerby sings each Friday evening in the old chapel beside the river.",
}
TOLL = "How much is the toll of the bridge at Ostrel for a lorry?"
MILL = "When was the mill of Tannhof built?"


def document(name: str, text: str, published_at: str = "2020-01-01") -> Document:
    return Document(name, text, name.title(), metadata={"published_at": published_at})


def opened(index: "Index") -> StandingQuestions:
    """Return the standing questions of an index, with a clock that goes on a day at each look."""
    from rag.answering.assistant import Assistant

    days = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number) for number in range(100))
    return StandingQuestions(Assistant(index), lambda: next(days))


@pytest.fixture(scope="module")
def first_folder(embedder: "Embedder", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an index with three standing questions, to be copied."""
    from rag.index.index import Index

    folder = tmp_path_factory.mktemp("standing") / "index"
    index = Index.build([document(name, text) for name, text in TEXTS.items()], folder, embedder=embedder)
    standing = opened(index)
    for text in (FERRY, TOLL, MILL):
        assert standing.add(text).answers
    index.close()
    return folder


@pytest.fixture
def index(first_folder: Path, embedder: "Embedder", tmp_path: Path) -> "Index":
    from rag.index.index import Index

    return Index.open(shutil.copytree(first_folder, tmp_path / "index"), embedder)


@pytest.fixture
def standing(index: "Index") -> StandingQuestions:
    return opened(index)


def kinds(report: StandingReport) -> dict[str, list[str]]:
    """Return the kinds of the events by question, without confirmations."""
    by_question: dict[str, list[str]] = {}
    for question, event in report.events:
        if event.kind != "confirmed":
            by_question.setdefault(question.text, []).append(event.kind)
    return by_question


def test_a_check_without_a_change_asks_nothing(standing: StandingQuestions) -> None:
    assert standing.check() == StandingReport(3, 0, ())
    assert [event.kind for item in standing.state().questions for event in item.history] == ["first_seen"] * 3


def test_each_change_is_told_with_the_words_before_and_after(standing: StandingQuestions, index: "Index") -> None:
    index.add(
        [
            document("ferry", TEXTS["ferry"].replace("noon", "two o'clock")),
            document("toll", f"The harbour of Ostrel freezes in winter.\n\n{TEXTS['toll']}"),
        ]
    )
    index.remove("mill")
    report = standing.check()
    assert kinds(report) == {FERRY: ["changed"], TOLL: ["moved"], MILL: ["withdrawn"]}
    (event,) = [event for question, event in report.events if question.text == FERRY]
    assert event.before is not None and event.after is not None
    assert "noon" in event.before.sentence and "two o'clock" in event.after.sentence
    assert event.before.text_sha256 != event.after.text_sha256
    assert len(report.alarms()) == 2 and standing.check().asked == 0


def test_a_newer_source_that_gives_another_figure_contradicts(standing: StandingQuestions, index: "Index") -> None:
    index.add([document("notice", "The toll of the bridge at Ostrel is 55 euros for a lorry.", "2021-05-01")])
    report = standing.check()
    assert kinds(report) == {TOLL: ["contradicted"]}
    (alarm,) = report.alarms()
    assert alarm[1].before is not None and alarm[1].after is not None
    assert (alarm[1].before.document_id, alarm[1].after.document_id) == ("toll", "notice")


def test_an_older_source_does_not_contradict(standing: StandingQuestions, index: "Index") -> None:
    index.add([document("notice", "The toll of the bridge at Ostrel is 55 euros for a lorry.", "1999-05-01")])
    assert "contradicted" not in kinds(standing.check()).get(TOLL, [])


def test_a_copy_of_a_removed_source_keeps_the_answer(standing: StandingQuestions, index: "Index") -> None:
    index.add([document("mirror", TEXTS["mill"])])
    index.remove("mill")
    assert kinds(standing.check()) == {MILL: ["moved"]}


def test_an_answer_that_was_missing_is_told_as_new(standing: StandingQuestions, index: "Index") -> None:
    question = standing.add("Who is the mayor of Brackwater?")
    assert question.answers == () and question.history == ()
    index.add([document("mayor", "The mayor of Brackwater is Ilse Maar. She was elected in 1952.")])
    assert kinds(standing.check()) == {question.text: ["new_answer"]}


def test_a_filter_limits_what_a_standing_question_sees(standing: StandingQuestions, index: "Index") -> None:
    before = standing.add(TOLL, {"published_at": {"<": "2020-06-01"}})
    index.add([document("notice", "The toll of the bridge at Ostrel is 55 euros for a lorry.", "2021-05-01")])
    report = standing.check()
    assert before.id not in {question.id for question, _ in report.alarms()}


def test_the_same_question_is_kept_once_and_can_be_removed(standing: StandingQuestions) -> None:
    assert standing.add(TOLL) == standing.add(TOLL)
    assert len(standing.state().questions) == 3
    standing.remove(standing.add(TOLL).id)
    assert [item.text for item in standing.state().questions] == [FERRY, MILL]
    with pytest.raises(InvalidInput, match="s_0"):
        standing.remove("s_0")
    with pytest.raises(InvalidInput, match="empty"):
        standing.add(" ")


def test_the_file_is_checked_and_travels_with_the_index(
    standing: StandingQuestions, index: "Index", tmp_path: Path
) -> None:
    from rag.index.repair import examine, repair
    from rag.index.transfer import export_index, import_index

    export_index(index.path, tmp_path / "all.zip")
    import_index(tmp_path / "all.zip", tmp_path / "copy")
    assert read_standing(tmp_path / "copy") == standing.state()
    file = index.path / STANDING
    file.write_text(file.read_text(encoding="utf-8").replace("ferry", "fairy"), encoding="utf-8")
    with pytest.raises(IndexCorrupt, match=r"standing\.json"):
        standing.check()
    assert len(examine(index.path)) == 1
    repair(index.path)
    assert examine(index.path) == [] and standing.state().questions == ()


@pytest.fixture
def receiver() -> "Iterator[tuple[str, list[dict[str, object]], Callable[[int], None]]]":
    """Give the address of a server, the bodies that it got, and a function that sets the status it answers with."""
    bodies: list[dict[str, object]] = []
    status = [204]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status[0])
            self.send_header("location", "/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", bodies, lambda code: status.__setitem__(0, code)
    server.shutdown()
    thread.join()
    server.server_close()


def test_alarms_go_to_the_feed_and_to_allowed_addresses_alone(
    standing: StandingQuestions,
    index: "Index",
    receiver: "tuple[str, list[dict[str, object]], Callable[[int], None]]",
) -> None:
    address, bodies, answer_with = receiver
    for refused in (
        "http://example.org/",
        "https://user@example.org/",
        "file:///etc/passwd",
        "https://",
        "https://a:b/",
    ):
        with pytest.raises(InvalidInput):
            set_webhook(index.path, refused, allowed=True)
    set_webhook(index.path, address, allowed=True)
    index.add([document("ferry", TEXTS["ferry"].replace("noon", "<b>two</b> o'clock"))])
    report = standing.check()
    assert tell_webhooks(standing.state().webhooks, report) == []
    assert [body["alarms"] for body in bodies] == [1]
    answer_with(307)
    assert len(tell_webhooks(standing.state().webhooks, report)) == 1 and len(bodies) == 2
    assert tell_webhooks(standing.state().webhooks, StandingReport(3, 0, ())) == [] and len(bodies) == 2
    feed = ElementTree.fromstring(atom_feed(standing.state()))
    (entry,) = feed.findall("{http://www.w3.org/2005/Atom}entry")
    content = entry.findtext("{http://www.w3.org/2005/Atom}content") or ""
    assert "&lt;b&gt;two" in content and "noon" in content
    set_webhook(index.path, address, allowed=False)
    assert standing.state().webhooks == ()


def test_the_shell_exits_1_if_an_answer_changed(standing: StandingQuestions, index: "Index", tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from rag.cli.main import app

    run, at = CliRunner(), ["--index", str(index.path)]

    def said(*words: str, status: int = 0) -> str:
        done = run.invoke(app, ["standing", *words, *at])
        assert done.exit_code == status, f"{done.output} {done.exception!r}"
        return done.output

    assert "3 standing questions, 0 asked again, 0 alarms." in said("check")
    assert len(json.loads(said("list", "--json"))) == 3
    index.remove("ferry")
    assert "Withdrawn" in said("check", "--feed", str(tmp_path / "all.atom"), status=1)
    assert "Withdrawn" in (tmp_path / "all.atom").read_text(encoding="utf-8")
    assert "Withdrawn" in said("list", "--history")
    question_id = said("list").split()[0]
    said("remove", question_id)
    assert said("add", FERRY).startswith(question_id)
