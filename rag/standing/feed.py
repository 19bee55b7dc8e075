"""Writes the alarms of standing questions as an Atom feed (RFC 4287)."""

import hashlib
import html
import re
from collections.abc import Sequence

from rag.standing.records import Event, Quotation, StandingQuestion
from rag.standing.standing_file import StandingState

MAX_ENTRIES = 100
EPOCH = "1970-01-01T00:00:00+00:00"
KIND_WORDS = {
    "first_seen": "First seen",
    "confirmed": "Confirmed",
    "moved": "Moved",
    "changed": "Changed",
    "withdrawn": "Withdrawn",
    "contradicted": "Contradicted by a newer source",
    "new_answer": "New answer",
}
"""What happened, in words for people."""
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def atom_feed(state: StandingState, title: str = "Standing questions") -> str:
    """Return the feed of the latest alarms of all questions, newest first. It names no address of this machine."""
    alarms = [(event, item) for item in state.questions for event in item.history if event.is_alarm]
    alarms.sort(key=lambda alarm: alarm[0].at, reverse=True)
    updated = alarms[0][0].at if alarms else state.checked_at or EPOCH
    entries = "".join(_entry(event, item) for event, item in alarms[:MAX_ENTRIES])
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f"<id>{_urn('feed', title)}</id><title>{_text(title)}</title><updated>{updated}</updated>\n"
        f"<author><name>Pincite</name></author>\n{entries}</feed>\n"
    )


def event_lines(event: Event) -> Sequence[str]:
    """Return an event in lines of plain text: what happened, then the words before and after with their documents."""
    lines = [f"{KIND_WORDS[event.kind]} ({event.at})"]
    for label, quotation in (("before", event.before), ("after", event.after)):
        if quotation is not None and (label == "after" or event.kind != "confirmed"):
            lines.append(f"{label}: “{quotation.sentence}” — {_source(quotation)}")
    return lines


def _source(quotation: Quotation) -> str:
    parts = (quotation.title or quotation.document_id, quotation.published_at, f"({quotation.document_id})")
    return ", ".join(part for part in parts[:2] if part) + f" {parts[2]}"


def _entry(event: Event, item: StandingQuestion) -> str:
    content = "".join(f"<p>{html.escape(line)}</p>" for line in event_lines(event)[1:])
    quoted = "\0".join(part.sentence if part else "" for part in (event.before, event.after))
    identity = _urn(item.id, event.at, event.kind, quoted)
    return (
        f"<entry><id>{identity}</id><title>{_text(f'{KIND_WORDS[event.kind]}: {item.text}')}</title>"
        f'<updated>{event.at}</updated><content type="html">{_text(content)}</content></entry>\n'
    )


def _urn(*parts: str) -> str:
    return f"urn:sha256:{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()}"


def _text(text: str) -> str:
    return html.escape(_NOT_IN_XML.sub("\ufffd", text))
