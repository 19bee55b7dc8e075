"""Keeps the standing questions of the shared assistant: for the page, REST and MCP, checked by one thread at a time."""

import logging
import threading
from collections.abc import Mapping
from typing import Any

from rag.core.errors import RagError
from rag.server.problems import places_of
from rag.server.shared_assistant import SharedAssistant
from rag.standing.questions import StandingQuestions, StandingReport
from rag.standing.records import StandingQuestion
from rag.standing.standing_file import StandingState
from rag.standing.webhook import tell_webhooks

log = logging.getLogger(__name__)


class SharedStanding:
    """The standing questions of one index."""

    def __init__(self, assistant: SharedAssistant) -> None:
        """Open nothing yet."""
        self._assistant = assistant
        self._checking, self._starting = threading.Lock(), threading.Lock()
        self._checked_version: int | None = None
        self._is_checking = False

    @property
    def is_checking(self) -> bool:
        """Tell whether a check that `check_if_changed` started is going on."""
        return self._is_checking

    def state(self) -> StandingState:
        """Return the questions with their histories. Raises InvalidInput if the index is on a server."""
        with self._assistant.ready() as assistant:
            return StandingQuestions(assistant).state()

    def watches(self, question: str, filters: Mapping[str, Any] | None) -> bool:
        """Tell whether a question is kept with these filters."""
        return any(item.text == question and (item.filters or None) == (filters or None)
                   for item in self.state().questions)  # fmt: skip

    def add(self, question: str, filters: Mapping[str, Any] | None = None) -> StandingQuestion:
        """Ask a question and keep it. Raises what `StandingQuestions.add` does."""
        with self._assistant.ready() as assistant:
            return StandingQuestions(assistant).add(question, filters)

    def remove(self, question_id: str) -> None:
        """Remove a question and its history. Raises InvalidInput if there is none of this id."""
        with self._assistant.ready() as assistant:
            StandingQuestions(assistant).remove(question_id)

    def check(self) -> tuple[StandingReport, list[str]]:
        """Ask what changes can touch and tell the allowed addresses; return the report and who could not be told."""
        with self._checking:
            with self._assistant.ready() as assistant:
                questions, version = StandingQuestions(assistant), assistant.index.info.version
            # A check may ask hundreds of questions, and an address may answer slowly; meanwhile others ask.
            report = questions.check()
            self._checked_version = version
            return report, tell_webhooks(questions.state().webhooks, report)

    def check_if_changed(self) -> None:
        """Start a check in the background if the documents have changed since the last one of this process."""
        info = self._assistant.info
        with self._starting:
            if info is None or info.version == self._checked_version or self._is_checking:
                return
            self._is_checking = True
        threading.Thread(target=self._check_quietly, daemon=True).start()

    def _check_quietly(self) -> None:
        try:
            self.check()
        except RagError as error:
            log.warning("the standing questions were not checked: %s", error)
            self._checked_version = self._assistant.info.version if self._assistant.info else None
        except Exception as error:
            log.error("the standing questions were not checked: %s", places_of(error))
        finally:
            self._is_checking = False
