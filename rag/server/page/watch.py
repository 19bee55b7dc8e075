"""Lays out the part of the page that shows watched questions: their states, what changed, a check, a removal."""

from typing import Any

import gradio as gr

from rag.core.errors import InvalidInput, RagError
from rag.core.settings import Options
from rag.server.page.components import Call, html_part
from rag.server.page.html.watch_views import alarm_times, unopened_html, watch_html
from rag.server.page.sources import Sources
from rag.server.shared_assistant import SharedAssistant
from rag.server.shared_standing import SharedStanding


class Watch:
    """The calls of the page about standing questions."""

    def __init__(self, assistant: SharedAssistant, standing: SharedStanding, options: Options) -> None:
        """Keep the questions in `standing`, unless the page is for reading only."""
        self._assistant, self._standing, self._options = assistant, standing, options

    def lay_out(self) -> None:
        """Make the parts inside the blocks that are being built."""
        calls: list[Call] = [self.alarms, self.listed]
        calls += [] if self._options.readonly else [self.check, self.unwatch]
        with gr.Row(elem_id="pc-watch-desk", elem_classes="pc-two", equal_height=False):
            html_part("pc-watch", unopened_html(), script="watched", calls=calls)
            Sources(self._assistant).lay_out("pc-watch-source")

    def alarms(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the times of all alarms, and when the questions were checked; start a check if documents changed."""
        if not self._options.readonly:
            self._standing.check_if_changed()
        try:
            state = self._standing.state()
        except RagError:  # the part itself says why
            return {"alarms": [], "checked": "", "checking": False}
        facts = [state.checked_at or "", str(len(state.questions))]
        return {"alarms": alarm_times(state), "checked": " ".join(facts), "checking": self._standing.is_checking}

    def listed(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the list of the questions."""
        return {"html": watch_html(self._standing.state(), self._options.readonly)}

    def check(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Ask the questions that changes can touch; return the list and what came of it in words."""
        report, not_told = self._standing.check()
        words = f"{report.asked:,} of {report.questions:,} questions asked again, {len(report.alarms()):,} changes."
        return {**self.listed({}), "words": " ".join([words, *not_told])}

    def unwatch(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Remove a question; return the list without it."""
        self._require_writable()
        self._standing.remove(str(arguments["unwatch"]))
        return self.listed({})

    def _require_writable(self) -> None:
        if self._options.readonly:
            raise InvalidInput("This page is for reading only.", "Use rag standing, in a shell.")
