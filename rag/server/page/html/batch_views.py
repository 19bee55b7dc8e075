"""Turns many responses into one table: as HTML, as CSV, JSON, Markdown and BibTeX; and a file into the questions."""

import csv
import io
import json
import re
from collections.abc import Sequence
from urllib.parse import urlencode

from rag.core.errors import InvalidInput
from rag.core.response import Answer, Response
from rag.loading.decoding import decode
from rag.server.page.html.labels import LEVEL_WORDS, count, percent, place_words, source_words, title_words
from rag.server.page.html.markup import element, escaped, isolated, one_line

BATCH_COLUMNS = (
    "question", "status", "answer", "context", "confidence", "confidence_level", "title", "document_id", "place",
    "start", "end", "uri", "reason", "missing_terms",
)  # fmt: skip
NAMES = ("question", "questions", "text", "query", "frage")
"""Heads of the column that holds the questions; a file of one column, or of lines of text, needs none."""
NO_TABLE = "Give a question a line, or a CSV whose column of questions is named question."
MAX_NAMED_COLUMNS = 10
_MARKUP = re.compile(r"\s*<(?:!doctype|html|\?xml)\b", re.IGNORECASE)
BATCH_FILES = {
    "csv": ("csv", "text/csv", "CSV"),
    "json": ("json", "application/json", "JSON"),
    "markdown": ("md", "text/markdown", "Markdown"),
    "bibtex": ("bib", "text/plain", "BibTeX"),
}
"""Suffix, media type and words of each form."""
RUNNING = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a cell may begin with that a spreadsheet would run as a formula."""


def questions_in(content: bytes, most: int) -> list[str]:
    """Return the questions of a CSV, each once, in their order. Raises InvalidInput."""
    text = decode(content, "the file")[0] if content else ""
    if _MARKUP.match(text):
        raise InvalidInput("The file is a web page, not a list of questions.", NO_TABLE)
    try:
        delimiter = csv.Sniffer().sniff(text[:10_000], ",;\t").delimiter
    except csv.Error:
        delimiter = ","
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(map(str.strip, row))]
    except csv.Error as error:
        raise InvalidInput(f"The file cannot be read as CSV: {error}.", "Give a row for each question.") from None
    heads = [cell.strip().lstrip("\ufeff").casefold() for cell in rows[0]] if rows else []
    column = next((place for place, head in enumerate(heads) if head in NAMES), None)
    if column is None and _is_list(rows):
        # No table but a list of questions, some with a comma in them.
        rows = [[line] for line in text.lstrip("\ufeff").splitlines()]
    elif column is None and len(rows[0]) > 1:
        columns = ", ".join(cell.strip() for cell in rows[0][:MAX_NAMED_COLUMNS])
        raise InvalidInput(f"No column is named question. The first row has: {columns}.", NO_TABLE)
    place = column or 0
    body = rows if column is None else rows[1:]
    questions = list(dict.fromkeys(row[place].strip() for row in body if len(row) > place and row[place].strip()))
    if not questions:
        raise InvalidInput(
            "The file holds no question.", "Give a CSV with a row for each, or with a column `question`."
        )
    if len(questions) > most:
        raise InvalidInput(f"The file holds {len(questions):,} questions.", f"Give at most {most:,} at once.")
    return questions


def _is_list(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether rows without a head are lines of text: they have no equal number of cells, or end as questions."""
    asking = sum(row[-1].strip().endswith("?") for row in rows)
    return len(rows) < 2 or len({len(row) for row in rows}) > 1 or asking > len(rows) / 2


def table_html(responses: Sequence[Response], batch_id: str) -> str:
    """Return the table with a row for each question, and the buttons that save it."""
    answered = sum(response.status == "answered" for response in responses)
    summary = f"{count(len(responses), 'question')}, {answered:,} answered"
    buttons = [
        element("button", words, type="button", data_save=f"{batch_id}/{form}", class_="pc-tool")
        for form, (_, _, words) in BATCH_FILES.items()
    ]
    heads = [element("th", word, scope="col") for word in ("Question", "Answer", "Confidence", "Source", "Place")]
    table = element(
        "table",
        element("thead", element("tr", *heads)),
        element("tbody", *map(_row, responses)),
        class_="pc-table pc-batch",
    )
    return element(
        "section",
        element("h2", escaped(summary), class_="pc-headline"),
        element("div", element("span", "Save as", class_="pc-note"), *buttons, class_="pc-controls"),
        element("div", table, class_="pc-wide", tabindex="0", role="region", aria_label="Answers to the questions"),
        aria_label="Batch",
        data_announce=summary,
    )


def file_of(responses: Sequence[Response], form: str) -> str:
    """Return the responses as the text of a file. Raises InvalidInput for an unknown form."""
    if form == "csv":
        return _csv(responses)
    if form == "json":
        return json.dumps([response.to_dict() for response in responses], ensure_ascii=False, indent=2) + "\n"
    if form == "markdown":
        return "\n".join(response.to_markdown() for response in responses)
    if form == "bibtex":
        return "\n\n".join(filter(None, (response.to_bibtex() for response in responses))) + "\n"
    raise InvalidInput(f"There is no form {form!r}.", f"Known: {', '.join(BATCH_FILES)}.")


def _row(response: Response) -> str:
    asked = question_link(isolated(one_line(response.question)), response.question)
    question = element("th", asked, scope="row")
    if response.no_answer is not None:
        missing_terms = ", ".join(response.no_answer.missing_terms)
        words = "No answer" + (f"; not found in any document: {missing_terms}" if missing_terms else "")
        return element("tr", question, element("td", isolated(words), colspan="4", class_="pc-note"))
    best = response.answers[0]
    more = len(response.answers) - 1
    place_parts = place_words(best.citation).split(", ")
    judged = f"{LEVEL_WORDS[best.confidence_level].removesuffix(' confidence')}, {percent(best.confidence)}"
    return element(
        "tr",
        question,
        element(
            "td",
            element("q", _in_its_sentence(best), dir="auto"),
            element("span", escaped(f" and {more} more"), class_="pc-note") if more else "",
        ),
        element("td", escaped(judged), class_="pc-short"),
        element(
            "td",
            question_link(isolated(title_words(best.citation)), response.question, "answers/1/0"),
            title=source_words(best.citation),
        ),
        element("td", ", ".join(element("span", escaped(part), class_="pc-short") for part in place_parts)),
    )


def question_link(content: str, question: str, shown: str | None = None) -> str:
    """Return a link that asks a question on the page, and opens the source of one of its answers (`shown`)."""
    address = "?" + urlencode({"q": question, **({"show": shown} if shown else {})})
    return element("a", content, href=address, data_ask=question)


def _in_its_sentence(answer: Answer) -> str:
    """Return a quotation, and around words of a sentence the rest of it: alone they may say another thing."""
    start, end = answer.context_offset
    inside = answer.answer_type == "span"
    quote = element("span", escaped(answer.answer), class_="pc-quote pc-strong" if inside else "pc-quote")
    return escaped(answer.context[:start]) + quote + escaped(answer.context[end:]) if inside else quote


def _csv(responses: Sequence[Response]) -> str:
    written = io.StringIO()
    writer = csv.DictWriter(written, BATCH_COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for response in responses:
        writer.writerow({key: _cell(value) for key, value in _values(response).items()})
    return written.getvalue()


def _values(response: Response) -> dict[str, object]:
    common: dict[str, object] = {"question": response.question, "status": response.status}
    if response.no_answer is not None:
        return {
            **common,
            "reason": response.no_answer.reason,
            "missing_terms": " ".join(response.no_answer.missing_terms),
        }
    best = response.answers[0]
    citation = best.citation
    return {
        **common,
        "answer": best.answer,
        "context": best.context,
        "confidence": best.confidence,
        "confidence_level": best.confidence_level,
        "title": citation.source.title,
        "document_id": citation.span.document_id,
        "place": place_words(citation),
        "start": citation.span.start,
        "end": citation.span.end,
        "uri": citation.source.uri,
    }


def _cell(value: object) -> object:
    # Text of a document must not run in the spreadsheet that opens the file; an apostrophe makes it text there.
    return f"'{value}" if isinstance(value, str) and value.startswith(RUNNING) else value
