"""Tells what became of the quotations of a standing question: moved, changed, withdrawn, contradicted or confirmed."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from rag.answering.recheck import Recheck, recheck
from rag.answering.relations.agreement import Relations
from rag.answering.relations.statements import same_statement
from rag.index.index import Index
from rag.standing.records import EventKind, Quotation, StandingQuestion, quotation_at


@dataclass(frozen=True)
class Finding:
    """One thing that a check found out: the quotation before and after."""

    kind: EventKind
    before: Quotation | None
    after: Quotation | None = None


@dataclass(frozen=True)
class Reasked:
    """A standing question with its new answers, best first; `changed` are the documents that are new or changed."""

    question: StandingQuestion
    answers: Sequence[Quotation]
    index: Index
    changed: Collection[str]

    def findings(self) -> list[Finding]:
        """Return what became of the earlier answers, then what is new; `confirmed` if nothing is."""
        own = [finding for before in self.question.answers if (finding := self._fate(before)) is not None]
        gone = {finding.before for finding in own if finding.kind in ("changed", "withdrawn")}
        standing = [before for before in self.question.answers if before not in gone]
        afters = [finding.after for finding in own if finding.after is not None]
        contradictions = list(self._contradictions(standing, afters))
        new = [] if contradictions else list(self._new_answer(standing, afters))
        unchanged = Finding("confirmed", _first(self.question.answers), _first(self.answers))
        return [*own, *contradictions, *new] or [unchanged]

    def _fate(self, before: Quotation) -> Finding | None:
        """Return what became of a quotation, None if it stands where it stood."""
        document = self.index.document(before.document_id)
        fate = recheck(before.citation(), document)
        if fate.status in ("exact", "moved"):
            if fate.status == "exact" or document is None or fate.span is None:
                return None
            start = fate.span.start
            now = quotation_at(document, start, fate.span.end, start + before.answer_start, start + before.answer_end)
            return Finding("moved", before, now)
        if fate.status == "changed":
            return Finding("changed", before, self._changed_into(fate))
        copy = next((now for now in self.answers if same_statement(before.statement, now.statement)), None)
        if copy is not None:
            return Finding("moved", before, copy)
        top = _first(self.answers)
        return Finding("withdrawn", before, None if top in self.question.answers else top)

    def _changed_into(self, fate: Recheck) -> Quotation | None:
        """Return the new answer that stands where a quotation was changed, else the sentence there."""
        document = self.index.document(fate.document_id)
        if document is None or fate.span is None:
            return None
        for now in self.answers:
            begins_before_end = now.start < fate.span.end and fate.span.start < now.start + len(now.sentence)
            if now.document_id == document.id and begins_before_end:
                return now
        return quotation_at(document, fate.span.start, fate.span.end, fate.span.start, fate.span.end)

    def _contradictions(self, standing: Sequence[Quotation], afters: Sequence[Quotation]) -> Iterator[Finding]:
        """Yield the first standing answer that each new answer of a newer document contradicts."""
        relations = Relations(self.question.text)
        for now in self.answers:
            if now.document_id not in self.changed or now in afters or self._is_known(now):
                continue
            for before in standing:
                differs = relations.between(before.statement, now.statement) == "differ"
                if differs and before.document_id != now.document_id and _is_newer(now, before):
                    yield Finding("contradicted", before, now)
                    break

    def _new_answer(self, standing: Sequence[Quotation], afters: Sequence[Quotation]) -> Iterator[Finding]:
        """Yield the first answer if a new or changed document gives it and it says something else."""
        top = _first(self.answers)
        if top is None or top in afters or self._is_known(top):
            return
        relations = Relations(self.question.text)
        agrees = any(relations.between(before.statement, top.statement) == "agree" for before in standing)
        if not self.question.answers or (top.document_id in self.changed and not agrees):
            yield Finding("new_answer", _first(standing), top)

    def _is_known(self, now: Quotation) -> bool:
        return any(same_statement(before.statement, now.statement) for before in self.question.answers)


def _is_newer(now: Quotation, before: Quotation) -> bool:
    """Tell whether a new or changed document is not older than another by their dates, if both have one."""
    return not (now.published_at and before.published_at) or now.published_at >= before.published_at


def _first(quotations: Sequence[Quotation]) -> Quotation | None:
    return quotations[0] if quotations else None
