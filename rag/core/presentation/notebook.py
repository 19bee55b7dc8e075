"""Writes a response as HTML for notebooks: quotations marked in their context, with their sources.

Every text is escaped, there is no script, and only web addresses become links.
"""

from html import escape

from rag.core.presentation.export import POSSIBLE, Json, cited_place, withheld_note

QUOTE_STYLE = "margin:.4em 0;padding-left:.8em;border-left:3px solid #8888"
SOURCE_STYLE = "opacity:.75;font-size:90%"


def response_for_notebook(response: Json) -> str:
    """Return the question with its quotations, or with the reason why there are none."""
    parts = [f"<p><strong>{_text(response['question'])}</strong></p>", *map(answer_for_notebook, response["answers"])]
    agreement = response["agreement"]
    if agreement["differ"]:
        groups = (" and ".join(f"[{rank}]" for rank in group) for group in agreement["groups"])
        parts.append(f"<p>The sources differ: {' against '.join(groups)}.</p>")
    if withheld := withheld_note(agreement):
        parts.append(f"<p>{_text(withheld)}</p>")
    if (no_answer := response["no_answer"]) is not None:
        parts += _no_answer_parts(no_answer)
    return f'<div class="pincite">{"".join(parts)}</div>'


def answer_for_notebook(answer: Json) -> str:
    """Return the context with the quotation marked, its source and its confidence."""
    context, offset = answer["context"], answer["context_offset"]
    before, quote, after = (
        _text(part)
        for part in (context[: offset["start"]], context[offset["start"] : offset["end"]], context[offset["end"] :])
    )
    lines = [f"[{answer['rank']}] {_source(answer['citation'])} — confidence {answer['confidence']:.2f}"]
    lines += [f"also in {_source(citation)}" for citation in answer["also_in"]]
    if answer["continues"] is not None:
        lines.append(f"the source goes on: {_text(answer['continues']['text'])}")
    return (
        f'<blockquote style="{QUOTE_STYLE}">{before}<mark>{quote}</mark>{after}'
        f'<div style="{SOURCE_STYLE}">{"<br>".join(lines)}</div></blockquote>'
    )


def _no_answer_parts(no_answer: Json) -> list[str]:
    parts = [f"<p>No answer: {_text(no_answer['message'])}</p>"]
    for title, key in ((f"{POSSIBLE}:", "possible"), ("Closest passages, which are not answers:", "closest")):
        if no_answer[key]:
            parts += [f"<p>{title}</p>", *map(answer_for_notebook, no_answer[key])]
    if no_answer["missing_terms"]:
        parts.append(f"<p>In no document: {_text(', '.join(no_answer['missing_terms']))}</p>")
    return parts


def _source(citation: Json) -> str:
    title = f"<cite>{_text(citation['title'] or citation['document_id'])}</cite>"
    if citation["url_fragment"]:
        title = f'<a href="{escape(citation["url_fragment"])}" rel="noopener noreferrer" target="_blank">{title}</a>'
    details = (citation["publisher"], citation["published_at"], cited_place(citation))
    return ", ".join([title, *(_text(detail) for detail in details if detail)])


def _text(text: str) -> str:
    """Return the text for HTML; a line of it stays one, and a text of the other direction stays by itself."""
    return f"<bdi>{escape(text)}</bdi>".replace("\n", "<br>") if text else ""
