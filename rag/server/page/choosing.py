"""Lets a visitor choose the documents that are asked: by name, and by kind, author, tag and date."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import PurePath
from typing import Any

from rag.core.errors import InvalidInput
from rag.index.filters import conditions, passing
from rag.index.index import Index
from rag.server.shared_assistant import SharedAssistant

MAX_CHOSEN_DOCUMENTS = 100
"""Documents that a question can be limited to by name; more would not fit in an address."""
MAX_CHOICE_CHARACTERS = 300
"""Characters of one value of a choice."""
MAX_OFFERED_VALUES = 200
"""Authors or tags that are offered, those of most documents."""


@dataclass(frozen=True)
class Choice:
    """The documents that a question is asked of; an empty field limits nothing, and all fields must hold.

    `only` are ids, `kind` is the ending of a file such as `.pdf`; `since` and `until` are years, months or days.
    """

    only: tuple[str, ...] = ()
    kind: str = ""
    author: str = ""
    tag: str = ""
    since: str = ""
    until: str = ""

    def filters(self) -> dict[str, Any] | None:
        """Return the choice as a filter of `rag.index.filters`, None if all documents are asked."""
        by_key = {"path": f"*{self.kind}" if self.kind else "", "author": self.author, "tags": self.tag}
        filters: dict[str, Any] = {key: value for key, value in by_key.items() if value}
        if self.only:
            filters["id"] = list(self.only)
        bounds = {sign: value for sign, value in ((">=", self.since), ("<=", self.until)) if value}
        return filters | ({"published_at": bounds} if bounds else {}) or None


@dataclass(frozen=True)
class Offer:
    """The values that a visitor can choose from; an empty field is not offered."""

    kinds: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    dated: bool = False


def choice_of(values: object) -> Choice:
    """Return the choice that the page sends. Raises InvalidInput if it is none."""
    if not isinstance(values, Mapping):
        raise InvalidInput("The choice of documents cannot be read.", "Choose them again.")
    texts = {field.name: values.get(field.name) or "" for field in fields(Choice) if field.name != "only"}
    wrong = [name for name, text in texts.items() if not isinstance(text, str) or len(text) > MAX_CHOICE_CHARACTERS]
    if wrong:
        raise InvalidInput(f"The choice has no readable value for {wrong[0]}.", "Choose the documents again.")
    return Choice(only=tuple(chosen_documents(values.get("only") or [])), **texts)


def chosen_documents(ids: object) -> list[str]:
    """Return the ids of the documents that alone are to be asked. Raises InvalidInput for anything else."""
    if not isinstance(ids, list) or not all(isinstance(document_id, str) for document_id in ids):
        raise InvalidInput("The choice of documents is not a list of their names.", "Choose them again.")
    if len(ids) > MAX_CHOSEN_DOCUMENTS:
        raise InvalidInput(
            f"{len(ids):,} documents are chosen.", f"Choose at most {MAX_CHOSEN_DOCUMENTS:,}, or ask all."
        )
    return ids


def fitting_ids(assistant: SharedAssistant, choice: Choice) -> set[str]:
    """Return the ids of the documents that are asked. Raises InvalidFilter, such as for a date that is none."""
    with assistant.ready() as opened:
        stored = opened.index.store.fields
        numbers_by_id = stored["id"]
        filters = choice.filters()
        if filters is None:
            return {str(document_id) for document_id in numbers_by_id}
        numbers = passing(conditions(filters), stored)
        return {str(key) for key, own in numbers_by_id.items() if not numbers.isdisjoint(own)}


def offer(assistant: SharedAssistant) -> Offer:
    """Return what the documents can be chosen by: only values that tell some of them from others."""
    with assistant.ready() as opened:
        index = opened.index
        suffixes = {PurePath(str(path)).suffix.lower() for path in index.facets(["path"])["path"]} - {""}
        return Offer(
            tuple(sorted(suffixes)) if len(suffixes) > 1 else (),
            _values(index, "author"),
            _values(index, "tags"),
            "published_at" in index.store.fields,
        )


def _values(index: Index, key: str) -> tuple[str, ...]:
    if key not in index.store.fields:
        return ()
    return tuple(map(str, list(index.facets([key])[key])[:MAX_OFFERED_VALUES]))


def values_by_document(assistant: SharedAssistant, key: str) -> dict[str, str]:
    """Return by document id the first value of a key, without the documents that have none."""
    with assistant.ready() as opened:
        stored = opened.index.store.fields
        if key not in stored:
            return {}
        value_by_number = {number: str(value) for value, numbers in stored[key].items() for number in numbers}
        numbers_by_id = stored["id"].items()
        return {str(name): value_by_number[own[0]] for name, own in numbers_by_id if own[0] in value_by_number}
