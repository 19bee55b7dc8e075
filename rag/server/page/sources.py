"""Lays out the pane that shows the source of a citation: of an answer, or of a link that finds its words again."""

import itertools
from typing import Any

from rag.answering.recheck import RecheckStatus
from rag.core.citations import Citation
from rag.core.errors import InvalidInput
from rag.evidence.citation_link import LinkFate, follow, link_of_query
from rag.server.page.components import html_part, problem_html
from rag.server.page.html.link_views import link_html, then_and_now
from rag.server.page.html.page_view import MarkedPages, pages_html
from rag.server.page.html.source_view import Rest, Shown, quoted_document, rest_html, shown_by, source_html
from rag.server.shared_assistant import SharedAssistant

_OCCASIONS = itertools.count(1)


class Sources:
    """The calls of a pane that shows sources.

    The page names a citation by `response` and `address`: the id of a response that was given lately and
    `GROUP/RANK/PLACE` in it; or no response and the query of a `CitationLink`.
    """

    def __init__(self, assistant: SharedAssistant) -> None:
        """Show documents of `assistant`."""
        self._assistant = assistant

    def lay_out(self, name: str) -> None:
        """Make the pane inside the blocks that are being built."""
        html_part(name, script="source", calls=[self.show, self.pages, self.more], elem_classes="pc-source-pane")

    def show(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the source of a citation, marked; of one whose words are gone, a card that says so."""
        try:
            return {"html": self._source(str(arguments.get("response") or ""), str(arguments["address"]))}
        except Exception as error:
            return {"html": problem_html(error)}

    def _source(self, response_id: str, address: str) -> str:
        if response_id:
            shown, note = shown_by(self._assistant.response(response_id), address), ""
        else:
            followed = self._followed(address)
            if followed.now is None:
                return link_html(followed, button=False)
            shown, note = _linked(followed.now, followed.fate.status), then_and_now(followed)
        document, masks = self._assistant.document(shown.citation.span.document_id)
        return source_html(document, masks, shown, next(_OCCASIONS), (response_id, address), note)

    def pages(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the pages of the PDF around a citation, with its words boxed."""
        shown = self._shown(arguments)
        document = quoted_document(self._assistant.document(shown.citation.span.document_id)[0], shown)
        spans = [shown.citation.span, *([shown.sentence] if shown.sentence else [])]
        places = self._assistant.originals.places_of_all(document, self._assistant.path, spans)
        return {"html": pages_html(document, shown.citation, MarkedPages(*places))}

    def more(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the next part of a long document that is not shown yet."""
        shown = self._shown(arguments)
        document, masks = self._assistant.document(shown.citation.span.document_id)
        target = arguments.get("target")
        rest = Rest(str(arguments["side"]), int(arguments["start"]), int(arguments["end"]),
                    None if target is None else int(target))  # fmt: skip
        html, left = rest_html(document, masks, shown, rest)
        return {"html": html, "rest": left}

    def _shown(self, arguments: dict[str, Any]) -> Shown:
        response_id, address = str(arguments.get("response") or ""), str(arguments["address"])
        if response_id:
            return shown_by(self._assistant.response(response_id), address)
        followed = self._followed(address)
        if followed.now is None:
            raise InvalidInput("The quotation is no longer in the documents.", "Ask the question again.")
        return _linked(followed.now, followed.fate.status)

    def _followed(self, address: str) -> LinkFate:
        with self._assistant.ready() as assistant:
            return follow(assistant, link_of_query(address))


def _linked(citation: Citation, status: RecheckStatus) -> Shown:
    return Shown(citation, "changed" if status == "changed" else "linked", ())
