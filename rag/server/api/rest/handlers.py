"""Answers other programs, the same over REST and MCP: every result is a JSON object of the contract."""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

from rag import __version__
from rag.answering.assistant import Assistant
from rag.answering.citation import place
from rag.answering.feedback import feedback_record, keep
from rag.answering.recheck import recheck
from rag.core.errors import InvalidInput
from rag.core.reports import IndexReport, Progress
from rag.core.response import Response
from rag.core.types import Document, Span
from rag.evidence.citation_link import CitationLink, follow
from rag.index.index import Index
from rag.loading.pages.pdf_pages import FORMATS_WITH_PAGES, Box
from rag.server.api.rest.requests import (
    AskRequest,
    BatchRequest,
    DocumentContent,
    FeedbackRequest,
    QuoteRequest,
    SearchRequest,
)
from rag.server.api.tracing import span
from rag.server.files.uploads import FileResult, add_files_one_by_one, drop
from rag.server.problems import refused
from rag.server.shared_assistant import SharedAssistant

KEPT_RESPONSES = 500
"""Responses that feedback can still be given on, over all clients, the latest."""
LONGEST_TEXT = 1_000_000
"""Characters of a document that are given at once."""
MOST_OCCURRENCES = 100
MOST_CITATIONS = 1_000
"""Of a saved response that is verified: each may be compared with every sentence of its document."""
BOX_SIDES = ("left", "top", "width", "height")
NOT_SAVED = "Give the JSON of a response, as POST /v1/ask or `rag ask --json` gives it."


class Handlers:
    """What can be asked of one index; each call waits for its turn at the assistant."""

    def __init__(self, assistant: SharedAssistant) -> None:
        """Open nothing yet."""
        self.assistant = assistant
        self._responses: OrderedDict[str, Response] = OrderedDict()
        self._keeping, self._writing = threading.Lock(), threading.Lock()

    def ask(self, request: AskRequest) -> dict[str, Any]:
        """Return the response to a question. Raises what `Assistant.ask` does."""
        with span("ask") as tell, self._using() as assistant:
            # Always explained: feedback keeps the figures that the confidence came from.
            response = assistant.ask(
                request.question, request.top_k, request.filters, request.min_confidence, True, request.min_precision
            )
            reason = None if response.no_answer is None else response.no_answer.reason
            tell(status=response.status, answers=len(response.answers), reason=reason, version=response.index.version)
        self._keep(response)
        return (response if request.explain else replace(response, explain=None)).to_dict()

    def require_askable(self, request: BatchRequest) -> None:
        """Raise what `Assistant.ask` does for options that no question of a batch could be asked with."""
        with self._using() as assistant:
            assistant.ask_many((), request.top_k, request.min_confidence, request.min_precision, request.filters)

    def search(self, request: SearchRequest) -> dict[str, Any]:
        """Return the passages that fit best; they claim no answer."""
        with span("search") as tell, self._using() as assistant:
            passages = assistant.search(request.query, request.top_k, request.filters)
            index = assistant.index.info.to_dict()
            tell(passages=len(passages), version=index["version"])
        return {"query": request.query, "passages": [answer.to_dict() for answer in passages], "index": index}

    def verify(self, saved: Mapping[str, Any]) -> dict[str, Any]:
        """Return what became of each citation of a saved response, or of a piece of evidence that holds one."""
        evidence = isinstance(saved.get("read_on"), str) and isinstance(saved.get("response"), dict)
        content = saved["response"] if evidence else saved
        _require_response(content)
        with self._using() as assistant:
            try:
                rechecks = assistant.verify(content)
            except ValueError as error:  # an id that no encoding can hold, an offset that no text has
                raise InvalidInput(f"This is not a saved response: {type(error).__name__}.", NOT_SAVED) from None
        return {
            "citations": [item.to_dict() for item in rechecks],
            "sound": all(item.status in ("exact", "moved") for item in rechecks),
        }

    def verify_quote(self, request: QuoteRequest) -> dict[str, Any]:
        """Return the places of a quotation in a document, word for word; if there are none, the nearest sentence."""
        document = self._document(request.document_id)
        # The quotation is a client's, and the client asks for its place: no result becomes a citation.
        starts = list(islice(_occurrences(document.text, request.quote), MOST_OCCURRENCES))
        result: dict[str, Any] = {
            "document_id": document.id,
            "quote": request.quote,
            "verbatim": bool(starts),
            "places": [_place(document, start, len(request.quote)) for start in starts],
            "content_sha256": document.text_sha256,
        }
        if starts:
            return {**result, "nearest": None, "diff": None}
        selector = [{"exact": request.quote, "prefix": "", "suffix": ""}]
        citation = {"document_id": document.id, "document_offset": {"start": 0}, "selector": selector}
        closest = recheck(citation, document)
        return {**result, "nearest": closest.nearest, "diff": closest.diff}

    def located(self, link: CitationLink) -> dict[str, Any]:
        """Return what became of the quotation of a link: where it stands now, or the words then and now."""
        with self._using() as assistant:
            return {**follow(assistant, link).to_dict(), "link": f"?{link.query()}"}

    def judge(self, request: FeedbackRequest) -> dict[str, Any]:
        """Keep a reader's verdict on an answer; return the line of the file."""
        with self._keeping:
            response = self._responses.get(request.response_id)
        if response is None:
            raise refused(404, "This response is no longer at hand.", "Ask the question again, and judge that answer.")
        if request.rank > len(response.answers):
            detail = f"This response has {len(response.answers)} answers, and none of rank {request.rank}."
            raise refused(404, detail, "Judge one of its answers.")
        line = feedback_record(response, request.rank, request.verdict)
        keep(self.assistant.path, line)
        return line

    def documents(self, after: str, limit: int) -> dict[str, Any]:
        """Return up to `limit` documents without their texts in order of id, from the first one after `after` on."""
        summaries = self.assistant.documents()
        following_summaries = [summary for summary in summaries if summary.id > after]
        page = following_summaries[:limit]
        following = page[-1].id if len(following_summaries) > limit else None
        return {"documents": [asdict(summary) for summary in page], "total": len(summaries), "next": following}

    def document(self, document_id: str) -> dict[str, Any]:
        """Return the metadata of a document and its masked parts; `text` gives its text."""
        document, masks = self.assistant.document(document_id)
        if document is None:
            raise _not_held(document_id)
        return {
            "id": document.id,
            "title": document.title,
            "format": document.format,
            "source_path": document.source_path,
            "length": len(document.text),
            "text_sha256": document.text_sha256,
            "metadata": dict(document.metadata),
            "masks": [{"start": mask.span.start, "end": mask.span.end, "reason": mask.reason} for mask in masks],
        }

    def text(self, document_id: str, start: int, end: int | None) -> dict[str, Any]:
        """Return a slice of the stored text, unchanged; offsets are half-open, in code points."""
        document = self._document(document_id)
        end = len(document.text) if end is None else end
        if not start <= end <= len(document.text):
            extent = f"{document_id!r} has {len(document.text):,} code points"
            raise refused(404, f"There is no range {start}..{end}: {extent}.", "Give 0 <= start <= end within it.")
        if end - start > LONGEST_TEXT:
            detail = f"{end - start:,} code points are asked for, at most {LONGEST_TEXT:,} are given at once."
            raise InvalidInput(detail, "Ask for a shorter range.")
        text = document.slice(Span(document.id, start, end))
        return {"document_id": document.id, "start": start, "end": end, "text": text,
                "content_sha256": document.text_sha256}  # fmt: skip

    def source_sha256(self, document_id: str) -> str | None:
        """Return the hash of the file that a document was read from, None if it was not read from a file."""
        return self._document(document_id).source_sha256

    def boxes(self, document_id: str, start: int, end: int) -> dict[str, Any]:
        """Return where a range of the text stands on the pages of the PDF that it was read from."""
        document = self._document(document_id)
        places = self.assistant.originals.places(document, self.assistant.path, _range(document, start, end))
        labels = document.layout.page_labels
        pages = [
            {
                "page_number": number,
                "page_label": (labels[number - 1] or None) if number <= len(labels) else None,
                "width": places.sizes[number][0],
                "height": places.sizes[number][1],
                "boxes": None if boxes is None else [dict(zip(BOX_SIDES, box, strict=True)) for box in boxes],
            }
            for number, boxes in places.boxes.items()
        ]
        return {"document_id": document.id, "start": start, "end": end, "page_count": places.page_count,
                "pages": pages, "source_sha256": document.source_sha256}  # fmt: skip

    def page_picture(self, document_id: str, number: int, width: int, start: int | None, end: int | None) -> bytes:
        """Return a page of the PDF that a document was read from as a PNG, with the range `start:end` tinted on it."""
        document = self._document(document_id)
        pages = len(document.layout.pages)
        if document.format in FORMATS_WITH_PAGES and number > pages:
            raise refused(404, f"There is no page {number:,}: {document_id!r} has {pages:,}.", "Ask for one of them.")
        marks: Sequence[Box] = ()
        if start is not None and end is not None:
            places = self.assistant.originals.places(document, self.assistant.path, _range(document, start, end))
            marks = places.boxes.get(number) or ()
        return self.assistant.originals.picture(document, self.assistant.path, number, width, marks)

    def add(self, contents: Sequence[DocumentContent]) -> dict[str, Any]:
        """Add documents or bring them up to date, in one commit; return the report."""
        documents = [_made(content) for content in contents]
        with self._writing:
            return report_json(self.assistant.change(lambda index: index.add(documents)))

    def add_files(
        self, files: Sequence[tuple[str, Path]], tell: Callable[[Progress], None]
    ) -> tuple[IndexReport, list[FileResult]]:
        """Add files, pairs of a name and the file with the content, in one commit; return the result of each too."""
        outcome: list[tuple[IndexReport, list[FileResult]]] = []

        def write(index: Index) -> IndexReport:
            outcome.append(add_files_one_by_one(index, files, tell))
            return outcome[0][0]

        with self._writing:
            self.assistant.change(write)
        return outcome[0]

    def remove(self, document_id: str) -> dict[str, Any]:
        """Remove a document, and its file if it was uploaded; return the report."""
        with self._writing:
            document = self._document(document_id)
            report = self.assistant.change(lambda index: index.remove(document_id))
            with self._using() as assistant:
                drop(assistant.index, document.source_path)
        return report_json(report)

    def facets(self, keys: Sequence[str]) -> dict[str, Any]:
        """Return how many documents have each value of each key, as filters take them."""
        with self._using() as assistant:
            return {"facets": assistant.index.facets(keys)}

    def stats(self) -> dict[str, Any]:
        """Return the index and the settings of asking."""
        with self._using() as assistant:
            return {
                "package": __version__,
                "index": assistant.index.info.to_dict(),
                "settings": asdict(assistant.settings),
                "threshold": assistant.calibration.threshold,
            }

    def _using(self) -> AbstractContextManager[Assistant]:
        return self.assistant.ready()

    def _document(self, document_id: str) -> Document:
        document, _ = self.assistant.document(document_id)
        if document is None:
            raise _not_held(document_id)
        return document

    def _keep(self, response: Response) -> None:
        with self._keeping:
            self._responses[response.response_id] = response
            self._responses.move_to_end(response.response_id)
            while len(self._responses) > KEPT_RESPONSES:
                self._responses.popitem(last=False)


def _occurrences(text: str, quote: str) -> Iterator[int]:
    start = text.find(quote)
    while start >= 0:
        yield start
        start = text.find(quote, start + 1)


def _place(document: Document, start: int, length: int) -> dict[str, int]:
    location = place(document, Span(document.id, start, start + length))
    return {"start": start, "end": start + length, "line_start": location.line_start, "line_end": location.line_end}


def _require_response(content: object) -> None:
    answers = content.get("answers") if isinstance(content, dict) else None
    answers_or_none = answers if isinstance(answers, list) else [None]
    lists = [item.get("also_in", []) if isinstance(item, dict) else None for item in answers_or_none]
    citations = [item.get("citation") for item in answers_or_none if isinstance(item, dict)]
    citations += [citation for copies in lists if isinstance(copies, list) for citation in copies]
    # An id that is a number is no id, though the store would find a document by it.
    have_ids = all(isinstance(item, dict) and isinstance(item.get("document_id"), str) for item in citations)
    if not have_ids or not all(isinstance(copies, list) for copies in lists):
        raise InvalidInput("This is not a saved response.", NOT_SAVED)
    if len(citations) > MOST_CITATIONS:
        raise refused(
            413, f"The response has {len(citations):,} citations.", f"Send at most {MOST_CITATIONS:,} at once."
        )


def _range(document: Document, start: int, end: int) -> Span:
    """Return the span of a range. Raises InvalidInput if it is empty or not in the document."""
    if not 0 <= start < end <= len(document.text):
        extent = f"It has {len(document.text):,} code points."
        raise InvalidInput(f"There is no range {start}..{end} in {document.id!r}.", extent)
    return Span(document.id, start, end)


def _not_held(document_id: str) -> Exception:
    return refused(404, f"There is no document {document_id!r}.", "List the documents first.")


def _made(content: DocumentContent) -> Document:
    try:
        json.dumps(content.metadata, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidInput(
            f"The metadata of {content.id!r} cannot be kept: {type(error).__name__}.", "Give plain JSON values."
        ) from None
    return Document(content.id, content.text, content.title, content.format, metadata=content.metadata)


def report_json(report: IndexReport) -> dict[str, Any]:
    """Return the JSON object of a report."""
    return {
        "added": list(report.added),
        "updated": list(report.updated),
        "unchanged": list(report.unchanged),
        "removed": list(report.removed),
        "duplicates": [{"id": first, "equals": list(rest)} for first, rest in report.duplicates],
        "near_duplicates": [{"id": first, "alike": list(rest)} for first, rest in report.near_duplicates],
        "failed": [{"source": source, "reason": reason} for source, reason in report.failed],
    }
