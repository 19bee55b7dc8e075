"""Lays out the part of the page that keeps the documents: hand in, list, look at, remove, read again, check."""

import asyncio
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
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
from rag.index.writing.build import Job
from rag.loading import Source
from rag.server.page.components import PRIVATE, html_part, problem_html, status_html
from rag.server.page.html.document_views import (
    Listing,
    document_html,
    health_html,
    listing_html,
    progress_html,
    report_html,
)
from rag.server.page.html.markup import element
from rag.server.shared_assistant import SharedAssistant
from rag.server.uploads import add_files, drop

POLL_SECONDS = 0.2
Write = Callable[[Index, Callable[[Progress], None]], IndexReport]


class Documents:
    """What happens when a visitor looks after the documents."""

    def __init__(self, assistant: SharedAssistant, options: Options) -> None:
        """Read and write the index of `assistant`."""
        self._assistant, self._options = assistant, options
        self._held: tuple[int, list[DocumentSummary]] = 0, []

    def lay_out(self, blocks: gr.Blocks, status: gr.HTML) -> None:
        """Make the parts inside `blocks`, and connect them; `status` is what says which index is asked."""
        upload = None
        if not self._options.readonly:
            label = f"Files, up to {self._options.upload_limit:,} MB each"
            upload = gr.File(label=label, file_count="multiple", elem_id="pc-upload", height=130)
        report = html_part("pc-report", script="desk")
        gr.Textbox(label="Find by title or name", lines=1, max_lines=1, elem_id="pc-find")
        with gr.Row(elem_id="pc-shelf", equal_height=False):
            found = html_part("pc-list", script="documents", calls=[self.listed])
            preview = html_part("pc-preview", script="preview", calls=[self.opened])
        health = html_part("pc-health", script="health")
        seen: Any = {"outputs": [preview, report, health, status], **PRIVATE}

        blocks.load(self.on_load, outputs=[health], concurrency_limit=None, **PRIVATE)
        for part in (found, preview, health):
            part.select(self.on_do, concurrency_limit=4, **seen)
        if upload is not None:
            taken: Any = {"inputs": [upload], "outputs": [upload, report, health, status], **PRIVATE}
            upload.upload(self.on_upload, **taken)

    async def on_load(self) -> AsyncIterator[str]:
        """Show the state of the index once it is open; the page then asks for the list, as after every write."""
        while self._assistant.info is None:
            await asyncio.sleep(POLL_SECONDS)
        yield await asyncio.to_thread(self._health)

    def listed(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return a page of the documents of one kind whose title or name holds each of the words."""
        wanted = Listing(str(given["query"]), str(given["facet"]), max(0, int(given["page"])))
        return {"html": listing_html(self._documents(), wanted, self._options.readonly)}

    def opened(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return a document with its passages."""
        return {"html": self._preview(str(given["open"]))}

    def on_do(self, event: gr.EventData) -> Iterator[tuple[Any, ...]]:
        """Do what a button asks: remove, check, read again, mend."""
        asked: dict[str, Any] = dict(event._data)
        try:
            if "check" in asked:
                yield gr.skip(), gr.skip(), self._examined(), self._status()
            else:
                self._require_writable()
                yield from self._changed(asked)
        except Exception as error:
            yield gr.skip(), problem_html(error), gr.skip(), self._status()

    def on_upload(self, files: list[str] | None) -> Iterator[tuple[Any, ...]]:
        """Take files into the index, telling how far it is."""
        try:
            self._require_writable()
            for shown in self._written(lambda index, tell: add_files(index, files or [], tell)):
                yield gr.skip(), shown, gr.skip(), gr.skip()
            yield None, gr.skip(), self._health(), self._status()
        except Exception as error:
            yield None, problem_html(error), gr.skip(), self._status()

    def _changed(self, asked: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
        if "mend" in asked:
            repair(self._assistant.path)
            yield gr.skip(), gr.skip(), self._examined(), self._status()
            return
        write: Write = _read_again
        if "remove" in asked:
            document_id = str(asked["remove"])
            write = lambda index, tell: _removed(index, document_id)  # noqa: E731
        for shown in self._written(write):
            yield gr.skip(), shown, gr.skip(), gr.skip()
        yield "", gr.skip(), self._health(), self._status()

    def _written(self, write: Write) -> Iterator[str]:
        """Yield how far a write is, then what it did."""
        told: queue.Queue[Progress | IndexReport | Exception] = queue.Queue()

        def run() -> None:
            try:
                told.put(self._assistant.change(lambda index: write(index, told.put)))
            except Exception as error:
                told.put(error)

        threading.Thread(target=run, daemon=True).start()
        yield progress_html(None)
        shown = 0.0
        while not isinstance(news := told.get(), IndexReport):
            if isinstance(news, Exception):
                raise news
            if time.monotonic() - shown > POLL_SECONDS:
                shown = time.monotonic()
                yield progress_html(news)
        yield report_html(news)

    def _documents(self) -> list[DocumentSummary]:
        info = self._assistant.info
        version = info.version if info else 0
        if self._held[0] != version or not version:
            self._held = version, self._assistant.documents()
        return self._held[1]

    def _preview(self, document_id: str) -> str:
        document, masks = self._assistant.document(document_id)
        if document is None:
            raise InvalidInput(f"There is no document {document_id!r} any more.", "Load the page again.")
        return document_html(document, self._assistant.chunks(document_id), masks, self._options.readonly)

    def _health(self, problems: list[str] | None = None) -> str:
        info = self._assistant.info
        assert info is not None
        shown = health_html(info, self._documents(), problems, self._options.readonly)
        return element("section", element("h2", "The index", class_="pc-headline"), shown, aria_label="The index")

    def _examined(self) -> str:
        return self._health(examine(self._assistant.path))

    def _status(self) -> str:
        return status_html(self._assistant)

    def _require_writable(self) -> None:
        if self._options.readonly:
            raise InvalidInput("This page is for reading only.", "Change the documents with rag index, in a terminal.")


def _removed(index: Index, document_id: str) -> IndexReport:
    document = index.document(document_id)
    report = index.remove(document_id)
    drop(index, document.source_path if document else None)
    return report


def _read_again(index: Index, tell: Callable[[Progress], None]) -> IndexReport:
    """Bring the documents up to date whose files have changed; a file that is gone takes nothing away."""
    known = index.store.sources().items()
    there = [Source(Path(location), key) for key, (location, _) in known if Path(location).is_file()]
    gone = "The file is not there any more; its text is kept. Remove it here if it shall go."
    missing = tuple((key, gone) for key, (location, _) in known if not Path(location).is_file())
    report = index._rewrite(Job(there, tell))
    return replace(report, failed=(*report.failed, *missing))
