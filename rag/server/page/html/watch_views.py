"""Turns standing questions into HTML: the state of each, its quotation, and the words before and after a change."""

from collections.abc import Sequence
from urllib.parse import urlencode

from rag.evidence.citation_link import CitationLink
from rag.evidence.word_differences import word_differences
from rag.server.page.html.labels import count
from rag.server.page.html.marked_words import with_differences
from rag.server.page.html.markup import element, escaped, isolated, one_line
from rag.standing.records import Event, EventKind, Quotation, StandingQuestion
from rag.standing.standing_file import StandingState

EVENT_LABELS: dict[EventKind, str] = {
    "first_seen": "Added",
    "confirmed": "Confirmed",
    "moved": "Moved",
    "changed": "Changed",
    "withdrawn": "Withdrawn",
    "contradicted": "Contradicted",
    "new_answer": "New answer",
}
EVENT_NOTES: dict[EventKind, str] = {
    "first_seen": "The answer when the question was added.",
    "confirmed": "Asked again; the answer stands.",
    "moved": "The same words stand at another place.",
    "changed": "The sentence has other words now.",
    "withdrawn": "The sentence or its document is gone.",
    "contradicted": "A newer source says something else.",
    "new_answer": "A new or changed document answers otherwise.",
}
WATCH_EXPLAINED = (
    "These questions are asked again when documents change. You see which answers changed, were withdrawn, or are"
    " contradicted by a newer source."
)
NOTHING_WATCHED = "Ask a question and press “Keep watching”. It is asked again when documents change."


def unopened_html() -> str:
    """Return the HTML that is shown until the questions are there."""
    heading = element("h2", "Watched questions", class_="pc-headline")
    return element("section", heading, element("p", WATCH_EXPLAINED, class_="pc-note"), aria_label="Watched questions")


def watch_html(state: StandingState, readonly: bool) -> str:
    """Return the list of standing questions, those with the latest alarm first."""
    if not state.questions:
        return element(
            "section",
            element("h2", "No watched questions yet", class_="pc-headline"),
            element("p", WATCH_EXPLAINED, class_="pc-note"),
            element("p", NOTHING_WATCHED),
            aria_label="Watched questions",
        )
    questions = sorted(state.questions, key=_newest_alarm, reverse=True)
    alarms = sum(1 for item in questions if _alarm(item))
    words = f"{count(len(questions), 'watched question')}, {alarms:,} with a change"
    checked = element("time", _day(state.checked_at), datetime=state.checked_at) if state.checked_at else ""
    button = element("button", "Check now", type="button", class_="pc-tool", data_check="")
    return element(
        "section",
        element("h2", escaped(words), class_="pc-headline"),
        element("p", WATCH_EXPLAINED, class_="pc-note"),
        element("p", "Last checked: ", checked, class_="pc-note") if checked else "",
        element("div", button, class_="pc-controls") if not readonly else "",
        element("ol", *(_question(item, readonly) for item in questions), class_="pc-watched"),
        aria_label="Watched questions",
        data_announce=words,
    )


def alarm_times(state: StandingState) -> list[str]:
    """Return the times of all alarms, for the badge: the browser knows which it has shown."""
    return sorted(event.at for item in state.questions for event in item.history if event.is_alarm)


def _question(item: StandingQuestion, readonly: bool) -> str:
    alarm = _alarm(item)
    latest = item.history[-1] if item.history else None
    asked = element("a", isolated(one_line(item.text)), href=f"?{urlencode({'q': item.text})}", data_ask=item.text)
    states = [latest] if latest else []
    states += [alarm] if alarm and alarm is not latest else []
    remove = element(
        "button",
        "Stop watching",
        type="button",
        class_="pc-remove",
        data_unwatch=item.id,
        aria_label=f"Stop watching: {one_line(item.text)}",
    )
    return element(
        "li",
        element("h3", asked, class_="pc-watched-question"),
        *(element("p", _state(event.kind), " ", _when(event), class_="pc-watched-state") for event in states),
        _event(alarm) if alarm else _answer(item),
        _history(item),
        element("p", remove, class_="pc-watched-remove") if not readonly else "",
        class_="pc-watched-item",
        data_alarm=alarm.at if alarm else None,
    )


def _state(kind: EventKind) -> str:
    return element("span", EVENT_LABELS[kind], class_=f"pc-event pc-event-{kind.replace('_', '-')}")


def _when(event: Event) -> str:
    note = element("span", EVENT_NOTES[event.kind])
    return note + " " + element("time", _day(event.at), datetime=event.at)


def _answer(item: StandingQuestion) -> str:
    if not item.answers:
        return element("p", "The documents have no answer.", class_="pc-note")
    return _quotation("", item.answers[0], ())


def _event(event: Event) -> str:
    """Return the words before and after, with those marked in which they differ."""
    before, after = event.before, event.after
    removed, added = word_differences(before.sentence, after.sentence) if before and after else ((), ())
    gone = element("p", "Nothing stands in its place.", class_="pc-note")
    parts = [
        element("div", _quotation("Before", before, removed), class_="pc-then") if before else "",
        element("div", _quotation("After", after, added) if after else gone, class_="pc-now"),
    ]
    return element("div", *parts, class_="pc-versions")


def _quotation(label: str, quotation: Quotation, ranges: Sequence[tuple[int, int]]) -> str:
    facts = [isolated(one_line(quotation.title or quotation.document_id))]
    facts += [isolated(one_line(quotation.published_at))] if quotation.published_at else []
    shown = {"data_cited": linked(quotation).query(), "aria_expanded": "false"}
    button = element("button", "Show in source", type="button", class_="pc-cited", **shown)
    return "".join(
        (
            element("p", label, class_="pc-version") if label else "",
            element("blockquote", with_differences(quotation.sentence, ranges), dir="auto"),
            element("p", element("cite", " · ".join(facts)), " ", button, class_="pc-source-line"),
        )
    )


def linked(quotation: Quotation) -> CitationLink:
    """Return the link to a quotation of a standing question."""
    return CitationLink(
        quotation.document_id, quotation.start, quotation.sentence[:1_000], quotation.prefix, quotation.suffix,
        quotation.text_sha256[:16],
    )  # fmt: skip


def _history(item: StandingQuestion) -> str:
    rows = [
        element("li", element("time", _day(event.at), datetime=event.at), " ", _state(event.kind), " ", _words(event))
        for event in reversed(item.history)
    ]
    summary = element("summary", f"History: {count(len(rows), 'event')}")
    return element("details", summary, element("ol", *rows), class_="pc-watched-history")


def _words(event: Event) -> str:
    quotation = event.after or event.before
    return element("q", escaped(one_line(quotation.sentence)), dir="auto") if quotation else ""


def _alarm(item: StandingQuestion) -> Event | None:
    return next((event for event in reversed(item.history) if event.is_alarm), None)


def _newest_alarm(item: StandingQuestion) -> str:
    alarm = _alarm(item)
    return alarm.at if alarm else ""


def _day(at: str) -> str:
    return at[:16].replace("T", " ")
