"""Gives the tools that proofread a draft and that watch questions, with results that fit the context of a model."""

import json
import threading
from collections import OrderedDict
from dataclasses import asdict
from typing import Any

from rag.proofreading.proofread import proofread
from rag.proofreading.records import ProofFinding, ProofReport, SourcePassage
from rag.server.api.mcp.tool_results import paged
from rag.server.api.rest.requests import ProofPage, StandingPage, StandingRequest
from rag.server.api.rest.schemas import COUNT, MAYBE_TEXT, TEXT, TEXTS, array, index_info, proof_schema, record_schema
from rag.server.shared_assistant import SharedAssistant
from rag.server.shared_standing import SharedStanding
from rag.standing.records import Event, Quotation, StandingQuestion

MAX_KEPT_REPORTS = 8
"""Reports that are kept, so that the next part of one costs nothing."""
MAX_TOOL_SOURCES = 2
MAYBE_COUNT: dict[str, Any] = {"type": ["integer", "null"], "minimum": 0}
_OFFSET = record_schema({"start": COUNT, "end": COUNT})
_SOURCE = record_schema(
    {"document_id": TEXT, "title": MAYBE_TEXT, "published_at": MAYBE_TEXT, "place": TEXT, "quote": TEXT,
     "document_offset": _OFFSET, "differing": TEXTS}
)  # fmt: skip
_FINDING = record_schema(
    {"number": COUNT, "kind": TEXT, "status": TEXT, "text": TEXT, "line": COUNT, "draft_offset": _OFFSET,
     "differing": TEXTS, "notes": TEXTS, "sources": array(_SOURCE)}
)  # fmt: skip
_QUOTATION = record_schema(
    {"document_id": TEXT, "title": MAYBE_TEXT, "published_at": MAYBE_TEXT, "sentence": TEXT, "answer": TEXT}
)
_MAYBE_QUOTATION = {"anyOf": [_QUOTATION, {"type": "null"}]}
_CHANGE = {"at": TEXT, "kind": TEXT, "before": _MAYBE_QUOTATION, "after": _MAYBE_QUOTATION}
_MAYBE_CHANGE = {"anyOf": [record_schema(_CHANGE), {"type": "null"}]}
WATCHED: dict[str, Any] = record_schema(
    {"id": TEXT, "question": TEXT, "filters": {"type": ["object", "null"]}, "asked_at": TEXT, "state": TEXT,
     "answer": _MAYBE_QUOTATION, "last_change": _MAYBE_CHANGE}
)  # fmt: skip
WATCHED_LIST = record_schema(
    {"questions": array(WATCHED), "total": COUNT, "checked_at": MAYBE_TEXT, "next": MAYBE_COUNT}
)
WATCHED_REPORT = record_schema(
    {"questions": COUNT, "asked": COUNT, "alarms": COUNT, "not_told": TEXTS,
     "changes": array(record_schema({"question": TEXT, **_CHANGE})), "next": MAYBE_COUNT}
)  # fmt: skip


def proof_page_schema() -> dict[str, Any]:
    """Return the schema of the result of `proofread`."""
    counts = proof_schema()["properties"]["counts"]
    return record_schema({"counts": counts, "total": COUNT, "findings": array(_FINDING), "next": MAYBE_COUNT,
                          "index": index_info()})  # fmt: skip


class DraftTools:
    """The tools of one index."""

    def __init__(self, assistant: SharedAssistant) -> None:
        """Keep no report yet."""
        self._assistant, self._standing = assistant, SharedStanding(assistant)
        self._reports: OrderedDict[str, ProofReport] = OrderedDict()
        self._lock = threading.Lock()

    def proofread(self, request: ProofPage) -> dict[str, Any]:
        """Return findings of a draft from `offset` on. Raises what `proofread` does, Refused if one is too long."""
        report = self._report(request)
        numbered = list(enumerate(report.findings, start=1))
        if request.only_wrong:
            numbered = [(number, item) for number, item in numbered if item.is_wrong or item.status == "not_found"]
        content = {
            "counts": report.to_dict()["counts"],
            "total": len(numbered),
            "findings": [_finding(report, number, item) for number, item in numbered[request.offset :]],
            "next": None,
            "index": report.index.to_dict(),
        }
        return paged(content, "findings", lambda finding, count: request.offset + max(1, count))

    def listed(self, request: StandingPage) -> dict[str, Any]:
        """Return standing questions from `offset` on, with their states."""
        state = self._standing.state()
        content = {
            "questions": [_watched(item) for item in state.questions[request.offset :]],
            "total": len(state.questions),
            "checked_at": state.checked_at,
            "next": None,
        }
        return paged(content, "questions", lambda item, count: request.offset + max(1, count))

    def add(self, request: StandingRequest) -> dict[str, Any]:
        """Ask a question and keep it; return it with its answer."""
        return _watched(self._standing.add(request.question, request.filters))

    def check(self, request: StandingPage) -> dict[str, Any]:
        """Ask the questions that changes can touch; return what changed.

        With an offset nothing is asked, and the last changes of all questions are returned from there on.
        """
        if request.offset:
            state = self._standing.state()
            changes = [(item, event) for item in state.questions for event in item.history[-1:] if event.is_alarm]
            counts: dict[str, Any] = {"questions": len(state.questions), "asked": 0, "not_told": []}
        else:
            report, not_told = self._standing.check()
            changes = report.alarms()
            counts = {"questions": report.questions, "asked": report.asked, "not_told": not_told}
        told = [{"question": item.text, **_change(event)} for item, event in changes[request.offset :]]
        content = {**counts, "alarms": len(changes), "changes": told, "next": None}
        return paged(content, "changes", lambda change, count: request.offset + max(1, count))

    def _report(self, request: ProofPage) -> ProofReport:
        with self._assistant.ready() as assistant:
            pass
        key = json.dumps([request.text, request.filters, assistant.index.info.to_dict()], sort_keys=True, default=str)
        with self._lock:
            if key in self._reports:
                return self._reports[key]
        # Others ask meanwhile.
        report = proofread(assistant, request.text, request.filters)
        with self._lock:
            self._reports[key] = report
            while len(self._reports) > MAX_KEPT_REPORTS:
                self._reports.popitem(last=False)
        return report


def _finding(report: ProofReport, number: int, finding: ProofFinding) -> dict[str, Any]:
    return {
        "number": number,
        "kind": finding.kind,
        "status": finding.status,
        "text": finding.text,
        "line": report.draft.count("\n", 0, finding.start) + 1,
        "draft_offset": {"start": finding.start, "end": finding.end},
        "differing": [report.draft[start:end] for start, end in finding.differing],
        "notes": list(finding.notes),
        "sources": [_source(passage) for passage in finding.sources[:MAX_TOOL_SOURCES]],
    }


def _source(passage: SourcePassage) -> dict[str, Any]:
    citation = passage.citation
    return {
        "document_id": citation.span.document_id,
        "title": citation.source.title,
        "published_at": citation.source.published_at,
        "place": citation.place.label(),
        "quote": citation.quote,
        "document_offset": {"start": citation.span.start, "end": citation.span.end},
        "differing": [citation.quote[start:end] for start, end in passage.differing],
    }


def _watched(item: StandingQuestion) -> dict[str, Any]:
    alarm = next((event for event in reversed(item.history) if event.is_alarm), None)
    return {
        "id": item.id,
        "question": item.text,
        "filters": None if item.filters is None else dict(item.filters),
        "asked_at": item.confirmed_at,
        "state": item.history[-1].kind if item.history else "no_answer",
        "answer": _quotation(item.answers[0] if item.answers else None),
        "last_change": None if alarm is None else _change(alarm),
    }


def _change(event: Event) -> dict[str, Any]:
    sides = {"before": _quotation(event.before), "after": _quotation(event.after)}
    return {"at": event.at, "kind": event.kind, **sides}


def _quotation(quotation: Quotation | None) -> dict[str, Any] | None:
    if quotation is None:
        return None
    shown = ("document_id", "title", "published_at", "sentence")
    return {**{key: value for key, value in asdict(quotation).items() if key in shown}, "answer": quotation.answer}
