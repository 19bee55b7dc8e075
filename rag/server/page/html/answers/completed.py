"""Says that a follow-up question was completed from the one before, or offers to."""

from rag.retrieval.follow_up import FollowUp
from rag.server.page.html.markup import element, escaped, one_line


def completed_html(typed: str, completed: FollowUp) -> str:
    """Return the line above the answers: the question as it was asked and a way back, or the question to choose."""
    question = element("q", escaped(one_line(completed.question)), dir="auto")
    if completed.is_sure:
        undo = element("button", "undo", type="button", data_as_typed=typed, aria_label="Undo: ask as typed")
        return element("p", "Asked as: ", question, " ", undo, class_="pc-completed")
    button = element("button", question, type="button", data_completed=completed.question)
    return element("p", "Did you mean: ", button, class_="pc-completed")
