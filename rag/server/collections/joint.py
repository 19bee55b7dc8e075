"""Asks several collections one question, and says of each quotation which collection it comes from."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, NamedTuple

from pydantic import Field, StrictStr

from rag.core.errors import RagError
from rag.server.api.request_queue import RequestQueue
from rag.server.api.rest.handlers import Handlers
from rag.server.api.rest.requests import ONE_THRESHOLD, AskRequest, SearchRequest, described_request
from rag.server.api.rest.schemas import COUNT, MAYBE_TEXT, TEXT, record_schema
from rag.server.problems import Problem, Refused, problem_of

MAX_JOINT_COLLECTIONS = 50
Names = Annotated[
    list[StrictStr],
    Field(min_length=1, max_length=MAX_JOINT_COLLECTIONS, description="Their names; none: all that you may read."),
]


@dataclass(frozen=True)
class JointAskRequest(AskRequest):
    """A question to several collections."""

    collections: Names | None = None

    __pydantic_config__ = described_request(
        {"question": "When did the Soviet Union collapse?", "collections": ["handbook"]}, **ONE_THRESHOLD
    )


@dataclass(frozen=True)
class JointSearchRequest(SearchRequest):
    """Words to find passages for in several collections."""

    collections: Names | None = None

    __pydantic_config__ = described_request({"query": "drones", "collections": ["handbook"]})


class Part(NamedTuple):
    """What one collection gave: its result, or the problem that it had with the request."""

    collection: str
    result: dict[str, Any] | None
    problem: Problem | None


async def ask_jointly(
    request: JointAskRequest, handlers: Mapping[str, Handlers], queue: RequestQueue
) -> dict[str, Any]:
    """Return the answers of all collections, the most confident first.

    Raises Refused with the first problem if no collection could be asked.
    """
    own = AskRequest(**{item.name: getattr(request, item.name) for item in fields(AskRequest)})
    parts = await _asked(lambda each: each.ask(own), handlers, queue)
    merged = _merged(parts, "answers", lambda answer: (-answer["confidence"],), request.top_k)
    return {
        "question": request.question,
        "status": "answered" if merged else "no_answer",
        "answers": merged,
        "collections": [_summary(part) for part in parts],
    }


async def search_jointly(
    request: JointSearchRequest, handlers: Mapping[str, Handlers], queue: RequestQueue
) -> dict[str, Any]:
    """Return the passages of all collections: the first of each, then the second of each, and so on.

    Scores of two indexes cannot be compared, so they do not order them. Raises Refused as `ask_jointly` does.
    """
    own = SearchRequest(request.query, request.top_k, request.filters)
    parts = await _asked(lambda each: each.search(own), handlers, queue)
    merged = _merged(parts, "passages", lambda passage: (passage["rank"],), request.top_k)
    return {"query": request.query, "passages": merged, "collections": [_summary(part) for part in parts]}


async def _asked(
    ask: Callable[[Handlers], dict[str, Any]], handlers: Mapping[str, Handlers], queue: RequestQueue
) -> list[Part]:
    parts = await asyncio.gather(
        *(_part(name, queue.run(functools.partial(ask, own))) for name, own in handlers.items())
    )
    problems = [part.problem for part in parts if part.problem is not None]
    if parts and len(problems) == len(parts):
        raise Refused(problems[0])
    return parts


async def _part(name: str, work: Awaitable[dict[str, Any]]) -> Part:
    try:
        return Part(name, await work, None)
    except RagError as error:
        return Part(name, None, problem_of(error))
    except Refused as refusal:
        return Part(name, None, refusal.problem)


def _merged(
    parts: Sequence[Part], key: str, order: Callable[[dict[str, Any]], tuple[float, ...]], top_k: int | None
) -> list[dict[str, Any]]:
    """Return the quotations of all parts in one order, each with its collection, as many as one collection may give."""
    lists = [[(part, quotation) for quotation in part.result[key]] for part in parts if part.result is not None]
    count = top_k or max(map(len, lists), default=0)
    pairs = sorted((pair for own in lists for pair in own), key=lambda pair: order(pair[1]))[:count]
    return [
        {**quotation, "rank": rank, "collection": _origin(part, quotation)}
        for rank, (part, quotation) in enumerate(pairs, start=1)
    ]


def _origin(part: Part, quotation: dict[str, Any]) -> dict[str, Any]:
    response_id = None if part.result is None else part.result.get("response_id")
    return {"name": part.collection, "response_id": response_id, "rank": quotation["rank"]}


def _summary(part: Part) -> dict[str, Any]:
    result = part.result or {}
    return {
        "name": part.collection,
        "status": result.get("status"),
        "no_answer": result.get("no_answer"),
        "index": result.get("index"),
        "problem": None if part.problem is None else part.problem.to_dict(),
    }


ORIGIN = record_schema({"name": TEXT, "response_id": MAYBE_TEXT, "rank": COUNT})
SUMMARY_OF_COLLECTION: dict[str, Any] = {
    "name": TEXT,
    "status": MAYBE_TEXT,
    "no_answer": {"type": ["object", "null"]},
    "index": {"type": ["object", "null"]},
    "problem": {"type": ["object", "null"]},
}
