"""Pincite with its reader: `Assistant.ask` over the index of `with_pincite` finds an answer instead of a passage."""

from typing import Any

from driver import Peer, run
from with_pincite import index, load, opened


def best(assistant: Any, question: str) -> str:
    answers = assistant.ask(question).answers
    return str(answers[0].answer) if answers else ""


if __name__ == "__main__":
    run(Peer(load, index, opened, best))
