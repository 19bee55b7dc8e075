"""Lays out the part of the page that manages the documents: add, list, look at, remove, refresh, check."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from rag.core.errors import InvalidInput
from rag.core.reports import IndexReport, Progress
from rag.core.settings import Options
from rag.core.types import DocumentSummary
from rag.index.index import Index
from rag.index.repair import examine, repair
from rag.index.writing.build import WriteRequest
from rag.loading import Source
from rag.server.files.incoming_files import IncomingFiles
from rag.server.files.removals import Removals
from rag.server.files.source_states import SourceStates
from rag.server.files.uploads import add_files
from rag.server.page.choosing import values_by_document
from rag.server.page.components import html_part
from rag.server.page.html.answers.no_answer_card import message_html
from rag.server.page.html.documents.document_list import DocumentFacts, Listing, listing_html
from rag.server.page.html.documents.document_views import document_html, health_html, progress_html, report_html
from rag.server.page.html.documents.drop_zone import drop_zone_html
from rag.server.page.html.markup import element
from rag.server.page.jobs import Jobs
from rag.server.shared_assistant import SharedAssistant

WRITE_REFRESH_SECONDS = 0.2
MAX_REMOVED = 1_000
"""Documents that one request removes."""
CANCEL = {"cancel": True}
MAX_REFUSED = 1_000
"""Files that the page itself refused, as rows of one report."""
Write = Callable[[Index, Callable[[Progress], None]], IndexReport]


class Documents:
    """The calls of the page that read and change the documents."""

    def __init__(self, assistant: SharedAssistant, options: Options, incoming: IncomingFiles, jobs: Jobs) -> None:
        """Read and write the index of `assistant`; `incoming` has the files that visitors sent."""
        self._assistant, self._options, self._incoming, self._jobs = assistant, options, incoming, jobs
        self._summaries: tuple[int, list[DocumentSummary]] = 0, []
        self._dates: tuple[int, dict[str, str]] = 0, {}
        self._writing = threading.Lock()
        self._states, self._removals = SourceStates(), Removals()
        self._job, self._stop = "", threading.Event()

    def lay_out(self) -> None:
        """Make the parts inside the blocks that are being built."""
        calls = [self.state]
        if not self._options.readonly:
            html_part("pc-upload", drop_zone_html(self._options.upload_limit, multiple=True), script="upload")
            calls += [self._jobs.news, self.add, self.remove, self.undo, self.cancel, self.refresh, self.repair]
        html_part("pc-report", script="report", calls=calls)
        gr.Textbox(label="Find by title or name", lines=1, max_lines=1, elem_id="pc-find")
        with gr.Row(elem_id="pc-shelf", equal_height=False):
            html_part("pc-list", script="documents", calls=[self.listed])
            html_part("pc-preview", script="preview", calls=[self.opened])
        html_part("pc-health", script="health", calls=[self.health])

    def state(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the version of the index and the job that writes to it, for every open page to follow."""
        info = self._assistant.info
        return {"version": info.version if info else 0, "job": self._job if self._jobs.running(self._job) else ""}

    def listed(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return a page of the documents of one kind whose title or name holds each of the words."""
        listing = Listing(
            str(arguments["query"]),
            str(arguments["facet"]),
            max(0, int(arguments["page"])),
            str(arguments.get("sort") or ""),
            bool(arguments.get("descending")),
        )
        facts = DocumentFacts(self._known_dates(), self._file_states)
        return {"html": listing_html(self._documents(), listing, self._options.readonly, facts)}

    def opened(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return a document with its passages."""
        return {"html": self._preview(str(arguments["open"]))}

    def health(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the facts of the index and, if the page says `check`, the problems of its files."""
        problems = examine(self._assistant.path) if arguments.get("check") else None
        return {"html": self._health(problems)}

    def add(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Start to add files that were sent, named by their keys; the page's own refusals go into the report."""
        refused = tuple((str(name)[:500], str(reason)[:500]) for name, reason in arguments["refused"][:MAX_REFUSED])
        keys = [str(key) for key in arguments["keys"]]
        files = [(file.name, file.path) for file in self._incoming.take(keys)]

        def write(index: Index, tell: Callable[[Progress], None]) -> IndexReport:
            report = add_files(index, files, tell) if files else IndexReport()
            return replace(report, failed=(*report.failed, *refused))

        def work() -> Iterator[str]:
            try:
                yield from self._written(write)
            finally:
                self._incoming.discard(keys)

        try:
            return self._started(work)
        except Exception:  # no job has them
            self._incoming.discard(keys)
            raise

    def remove(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Start to remove documents; the report has a button that brings them back."""
        named = arguments["remove"]
        document_ids = [str(key) for key in (named if isinstance(named, list) else [named])][:MAX_REMOVED]
        undone_by: dict[str, object] = {}

        def write(index: Index, tell: Callable[[Progress], None]) -> IndexReport:
            report, undone_by["undo"] = self._removals.remove(index, document_ids)
            return report

        return self._started(lambda: self._written(write, undone_by))

    def undo(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Start to add again what a removal has removed."""
        name = str(arguments["undo"])
        return self._started(lambda: self._written(lambda index, tell: self._removals.undo(index, name, tell)))

    def cancel(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Stop the write that is going on, which then changes nothing."""
        self._require_writable()
        self._stop.set()
        return {}

    def refresh(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Start to read the files again that have changed."""
        return self._started(lambda: self._written(_read_again))

    def repair(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Start to rebuild the damaged files of the index."""

        def work() -> Iterator[str]:
            yield progress_html(None)
            repair(self._assistant.path)
            yield message_html("The index is repaired.", "Its files have been built from the documents again.", "done")

        return self._started(work)

    def _started(self, work: Callable[[], Iterator[str]]) -> dict[str, Any]:
        self._require_writable()
        self._job = self._jobs.start(work)
        return {"job": self._job}

    def _written(self, write: Write, undone_by: Mapping[str, object] | None = None) -> Iterator[str]:
        """Yield the progress of a write, then its report."""
        yield progress_html(None, CANCEL)
        with self._writing:
            self._stop.clear()
            news: queue.Queue[Progress | IndexReport | Exception] = queue.Queue()
            threading.Thread(target=self._write, args=(write, news), daemon=True).start()
            shown_at = 0.0
            while not isinstance(item := news.get(), IndexReport):
                if isinstance(item, Exception):
                    raise item
                if time.monotonic() - shown_at > WRITE_REFRESH_SECONDS:
                    shown_at = time.monotonic()
                    yield progress_html(item, CANCEL)
            yield report_html(item, undone_by)

    def _write(self, write: Write, news: "queue.Queue[Progress | IndexReport | Exception]") -> None:
        def tell(progress: Progress) -> None:
            if self._stop.is_set():
                raise InvalidInput("Cancelled: nothing was added or changed.", "Add the files again at any time.")
            news.put(progress)

        try:
            news.put(self._assistant.change(lambda index: write(index, tell)))
        except Exception as error:
            news.put(error)

    def _documents(self) -> list[DocumentSummary]:
        info = self._assistant.info
        version = info.version if info else 0
        if self._summaries[0] != version or not version:
            self._summaries = version, self._assistant.documents()
        return self._summaries[1]

    def _known_dates(self) -> dict[str, str]:
        """Return the dates of the documents that have one, by id."""
        info = self._assistant.info
        version = info.version if info else 0
        if self._dates[0] != version or not version:
            self._dates = version, values_by_document(self._assistant, "published_at")
        return self._dates[1]

    def _file_states(self, summaries: Sequence[DocumentSummary]) -> dict[str, str]:
        with self._assistant.ready() as assistant:
            return dict(self._states.of(assistant.index, summaries))

    def _preview(self, document_id: str) -> str:
        document, masks = self._assistant.document(document_id)
        if document is None:
            raise InvalidInput(f"There is no document {document_id!r} any more.", "Look at the list again.")
        return document_html(document, self._assistant.chunks(document_id), masks, self._options.readonly)

    def _health(self, problems: list[str] | None = None) -> str:
        info = self._assistant.info
        if info is None:
            raise InvalidInput("The index is not open yet.", "Wait a moment.")
        health = health_html(info, self._documents(), problems, self._options.readonly)
        return element("section", element("h2", "The index", class_="pc-headline"), health, aria_label="The index")

    def _require_writable(self) -> None:
        if self._options.readonly:
            raise InvalidInput("This page is for reading only.", "Change the documents with rag index, in a shell.")


def _read_again(index: Index, tell: Callable[[Progress], None]) -> IndexReport:
    """Bring the documents up to date whose files have changed; nothing is removed if a file is gone."""
    sources = index.store.sources().items()
    readable = [Source(Path(location), key) for key, (location, _) in sources if Path(location).is_file()]
    reason = "The file does not exist any more. Its text is still in the index; remove it here if it should go."
    without_file = tuple((key, reason) for key, (location, _) in sources if not Path(location).is_file())
    report = index._rewrite(WriteRequest(readable, tell))
    return replace(report, failed=(*report.failed, *without_file))
