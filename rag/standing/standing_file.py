"""Reads and writes `standing.json` beside the index: its questions, and the documents as the last check saw them.

The file holds its own hash and is replaced by a rename: a process killed at any moment leaves the old one or the new.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rag.core.errors import IndexCorrupt, IndexWriteFailed, InvalidInput
from rag.core.files.durable_files import exclusive, replace_file
from rag.core.files.hashed_json import hashed_content, hashed_json
from rag.index.storage.manifest import STANDING
from rag.standing.records import StandingQuestion, standing_question

STANDING_SCHEMA = "pincite-standing-1"
SET_ASIDE = "Set it aside: rag check --repair, or restore it from a backup."


@dataclass(frozen=True)
class StandingState:
    """The standing questions of an index, and what the last check saw.

    `documents` has the first digits of the hash of each text. `asked_with` is the hash of settings and models: if they
    change, every question is asked again. `webhooks` are the addresses that may be told.
    """

    questions: tuple[StandingQuestion, ...] = ()
    documents: Mapping[str, str] = field(default_factory=dict)
    asked_with: str = ""
    checked_at: str | None = None
    webhooks: tuple[str, ...] = ()

    def with_questions(self, questions: Mapping[str, StandingQuestion]) -> "StandingState":
        """Return the state with these questions in place of those of the same ids; removed ones stay removed."""
        return replace(self, questions=tuple(questions.get(item.id, item) for item in self.questions))


def read_standing(folder: Path) -> StandingState:
    """Return the state in the folder of an index, an empty one if there is no file. Raises IndexCorrupt."""
    file = folder / STANDING
    try:
        content = hashed_content(file.read_text(encoding="utf-8"))
        return StandingState(
            tuple(standing_question(item) for item in content["questions"]),
            content["documents"],
            content["asked_with"],
            content["checked_at"],
            tuple(content["webhooks"]),
        )
    except FileNotFoundError:
        return StandingState()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IndexCorrupt(f"{file} is damaged: {error}.", SET_ASIDE) from error


def change_standing(folder: Path, change: Callable[[StandingState], StandingState]) -> StandingState:
    """Replace the state by what `change` makes of it, while no other process does. Raises IndexWriteFailed."""
    file = folder / STANDING
    try:
        with exclusive(file):
            state = change(read_standing(folder))
            replace_file(file, hashed_json(_content(state), 0))
    except OSError as error:
        what = f"The standing questions could not be written: {error}."
        raise IndexWriteFailed(what, "Check the disk and the permissions of the folder.") from error
    return state


def without_question(folder: Path, question_id: str) -> None:
    """Remove a question and its history. Raises InvalidInput if there is none of this id."""

    def without(state: StandingState) -> StandingState:
        rest = tuple(item for item in state.questions if item.id != question_id)
        if len(rest) == len(state.questions):
            raise InvalidInput(f"There is no standing question {question_id!r}.", "See: rag standing list")
        return replace(state, questions=rest)

    change_standing(folder, without)


def _content(state: StandingState) -> dict[str, Any]:
    return {
        "schema": STANDING_SCHEMA,
        "questions": [question.to_dict() for question in state.questions],
        "documents": dict(state.documents),
        "asked_with": state.asked_with,
        "checked_at": state.checked_at,
        "webhooks": list(state.webhooks),
    }
