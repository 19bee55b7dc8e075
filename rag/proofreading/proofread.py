"""Proofreads a draft against the documents of an index: each verdict has a quotation, and nothing is changed."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.chunking.sentences import blocks
from rag.proofreading.claim_check import ClaimCheck
from rag.proofreading.claims import draft_sentences
from rag.proofreading.drafts import Draft, draft_at, draft_of_text
from rag.proofreading.quotation_lookup import QuotationLookup
from rag.proofreading.quotations import quotations_of
from rag.proofreading.records import ProofReport, renumbered
from rag.proofreading.source_passages import SourcePassages

if TYPE_CHECKING:
    from rag.answering.assistant import Assistant

SENTENCES_AT_ONCE = 32
"""Sentences that are searched and compared in one batch."""


def proofread(
    assistant: "Assistant",
    draft: str | Path | Draft,
    filters: Mapping[str, Any] | None = None,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> ProofReport:
    """Return the findings of a draft: the path of its file, its text as Markdown, or a `Draft`.

    A path is a `pathlib.Path`; a string is the text itself. `tell` hears how many sentences of how many are compared;
    what it raises ends the work. Raises InvalidInput if the draft cannot be read,
    InvalidFilter for a filter that the index cannot use.
    """
    if not isinstance(draft, Draft):
        draft = draft_at(draft) if isinstance(draft, Path) else draft_of_text(draft)
    pipeline = assistant.pipeline()
    passages = SourcePassages(pipeline.index, pipeline.settings, filters)
    document = draft.document
    draft_blocks = blocks(document)
    quoted = quotations_of(document, draft_blocks, draft.block_quotes)
    findings = QuotationLookup(document, passages).findings(quoted)
    sentences = list(draft_sentences(document, draft_blocks, quoted))
    claims = ClaimCheck(document, passages)
    for position in range(0, len(sentences), SENTENCES_AT_ONCE):
        tell(position, len(sentences))
        findings += claims.findings(sentences[position : position + SENTENCES_AT_ONCE])
    tell(len(sentences), len(sentences))
    for finding in findings:
        for passage in finding.sources:
            passages.prove(passage.citation)
    return ProofReport(
        document.id, document.text, document.text_sha256, renumbered(findings), pipeline.index.info, filters or {}
    )
