"""Holds the records of a proofread draft and their JSON, the same from Python, shell, REST and MCP."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from rag.core.citations import Citation
from rag.core.errors import VerificationError
from rag.core.response import IndexInfo

PROOF_SCHEMA_VERSION = "1.0"
FindingKind = Literal["quotation", "figure", "date", "name"]
FindingStatus = Literal["exact", "changed", "supported", "contradicted", "not_found"]
WRONG: tuple[FindingStatus, ...] = ("changed", "contradicted")
"""Statuses that say that a source has other words than the draft."""
STATUS_ORDER: tuple[FindingStatus, ...] = ("changed", "contradicted", "not_found", "exact", "supported")


@dataclass(frozen=True)
class SourcePassage:
    """What a document says: a proven citation; `differing` are ranges of its quotation that the draft has otherwise."""

    citation: Citation
    differing: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a mark outside the quotation."""
        if any(not 0 <= start <= end <= len(self.citation.quote) for start, end in self.differing):
            raise VerificationError("A marked word is not in its quotation.", "Report this as a bug.")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"citation": self.citation.to_dict(), "differing": _ranges(self.differing)}


@dataclass(frozen=True)
class ProofFinding:
    """One quotation, figure, date or name of a draft at `start:end`, and the verdict of the documents.

    `sentence` is the range of the draft's sentence around it; `differing` are the ranges of the draft that the source
    has otherwise. `notes` name differences that count as the same, or say why nothing is shown. `sources` are the
    passages that show the status, best first. A status other than `not_found` has at least one.
    """

    kind: FindingKind
    status: FindingStatus
    text: str
    start: int
    end: int
    sentence: tuple[int, int]
    differing: tuple[tuple[int, int], ...] = ()
    notes: tuple[str, ...] = ()
    sources: tuple[SourcePassage, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a verdict that no quotation shows."""
        if (self.status == "not_found") == bool(self.sources):
            raise VerificationError(f"{self.status} with {len(self.sources)} sources.", "Report this as a bug.")

    @property
    def is_wrong(self) -> bool:
        """Tell whether a source has other words."""
        return self.status in WRONG

    def to_dict(self, number: int, draft: str) -> dict[str, Any]:
        """Return the JSON object of the finding, `number` counted from 1."""
        start, end = self.sentence
        return {
            "number": number,
            "kind": self.kind,
            "status": self.status,
            "text": self.text,
            "draft_offset": {"start": self.start, "end": self.end},
            "line": draft.count("\n", 0, self.start) + 1,
            "sentence": {"text": draft[start:end], "start": start, "end": end},
            "differing": _ranges(self.differing),
            "notes": list(self.notes),
            "sources": [passage.to_dict() for passage in self.sources],
        }


@dataclass(frozen=True)
class ProofReport:
    """The findings of a draft in order of place, and the index that they come from."""

    name: str
    draft: str
    sha256: str
    findings: tuple[ProofFinding, ...]
    index: IndexInfo
    filters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def wrong(self) -> list[ProofFinding]:
        """Return the changed quotations and the contradicted claims."""
        return [finding for finding in self.findings if finding.is_wrong]

    def counts(self) -> dict[str, int]:
        """Return the number of findings of each status that occurs."""
        numbers = Counter(finding.status for finding in self.findings)
        return {status: numbers[status] for status in STATUS_ORDER if numbers[status]}

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "schema_version": PROOF_SCHEMA_VERSION,
            "draft": {"name": self.name, "length": len(self.draft), "content_sha256": self.sha256},
            "counts": dict.fromkeys(STATUS_ORDER, 0) | self.counts(),
            "findings": [finding.to_dict(i, self.draft) for i, finding in enumerate(self.findings, start=1)],
            "index": self.index.to_dict(),
        }

    def to_json(self) -> str:
        """Return the JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=2)


def renumbered(findings: Sequence[ProofFinding]) -> tuple[ProofFinding, ...]:
    """Return the findings in order of place, with the numbers of all their citations from 1 up."""
    number, ordered = 0, []
    for finding in sorted(findings, key=lambda item: (item.start, item.end)):
        passages = []
        for passage in finding.sources:
            number += 1
            passages.append(replace(passage, citation=replace(passage.citation, number=number)))
        ordered.append(replace(finding, sources=tuple(passages)))
    return tuple(ordered)


def _ranges(pairs: Sequence[tuple[int, int]]) -> list[dict[str, int]]:
    return [{"start": start, "end": end} for start, end in pairs]
