"""Writes the pages of the server that belong to no collection: the login, and the list that also asks them all."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from rag.server.page.components import ASSETS_ADDRESS
from rag.server.page.html.markup import element, escaped, field, isolated

STYLE_SHEETS = ("fonts.css", "collections.css")


def login_html(next_address: str, problem: str = "") -> str:
    """Return the form that asks for name and password, and then leads to `next_address`."""
    form = element(
        "form",
        element("p", escaped(problem), role="alert", class_="problem") if problem else "",
        field(type="hidden", name="next", value=next_address),
        _labelled("Name", type="text", name="name", autocomplete="username", autocapitalize="none", required=""),
        _labelled("Password", type="password", name="password", autocomplete="current-password", required=""),
        element("button", "Log in", type="submit"),
        method="post",
        action="/login",
    )
    return _page("Log in", form)


def start_html(listed: Mapping[str, Any], question: str, asked: Mapping[str, Any] | None, logged_in: bool) -> str:
    """Return the list of the caller's collections, a form that asks them all, and the answers if it asked."""
    entries = listed["collections"]
    log_out = element("form", element("button", "Log out", type="submit"), method="post", action="/logout")
    parts = [
        element("ul", *map(_entry_html, entries), class_="collections") if entries else _nothing_html(listed["caller"]),
        _question_html(question) if entries else "",
        _answers_html(question, asked) if asked is not None else "",
        log_out if logged_in else "",
    ]
    return _page("Collections", *parts)


def problem_page(detail: str, remedy: str) -> str:
    """Return a page that names the problem and the remedy."""
    return _page("Pincite", element("p", escaped(detail), role="alert"), element("p", escaped(remedy)))


def _entry_html(entry: Mapping[str, Any]) -> str:
    documents = "loading …" if entry["documents"] is None else f"{entry['documents']:,} documents"
    link = element("a", escaped(entry["name"]), href=entry["page"], translate="no")
    return element("li", link, " ", element("span", f"{documents}, role: {escaped(entry['role'])}", class_="note"))


def _nothing_html(caller: str) -> str:
    return element("p", "You may read no collection here. Ask the owner of the server, and name yourself: ",
                   isolated(caller), ".")  # fmt: skip


def _question_html(question: str) -> str:
    asked = _labelled("Ask all of them", type="text", name="q", value=question, autocomplete="off", required="")
    return element("form", asked, element("button", "Ask", type="submit"), method="get", action="/", class_="question")


def _answers_html(question: str, asked: Mapping[str, Any]) -> str:
    if not asked["answers"]:
        return element("p", "No collection answers this question.", role="status")
    return element("ol", *(_answer_html(question, answer) for answer in asked["answers"]), class_="answers")


def _answer_html(question: str, answer: Mapping[str, Any]) -> str:
    origin, citation = answer["collection"], answer["citation"]
    start, end = answer["context_offset"]["start"], answer["context_offset"]["end"]
    context = answer["context"]
    quotation = escaped(context[:start]) + element("mark", escaped(context[start:end])) + escaped(context[end:])
    query = urlencode({"q": question, "show": f"answers/{origin['rank']}/0"})
    source = isolated(citation["title"] or citation["document_id"])
    link = element("a", escaped(origin["name"]), href=f"/c/{origin['name']}/?{query}")
    return element(
        "li",
        element("blockquote", quotation, dir="auto", translate="no"),
        element("p", source, ", in ", link, class_="note"),
    )


def _labelled(words: str, **values: str) -> str:
    return element("label", element("span", words), field(**values))


def _page(title: str, *parts: str) -> str:
    links = "".join(f'<link rel="stylesheet" href="{ASSETS_ADDRESS}/{name}">' for name in STYLE_SHEETS)
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">{links}'
    title_html = element("title", f"{escaped(title)} – Pincite")
    body = element("main", element("h1", "Pincite"), *parts)
    return f'<!doctype html><html lang="en"><head>{head}{title_html}</head><body>{body}</body></html>'
