"""Describes the requests of a client: every part with its kind, range and an example. Unknown parts are refused."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, WithJsonSchema

from rag.server.proofs.proof_jobs import MAX_SERVED_DRAFT_CHARACTERS

MOST_QUESTIONS = 1_000
MOST_DOCUMENTS = 1_000
MAX_QUESTION_LETTERS = 10_000
"""No setting allows longer ones; which are too long here and now, `Settings.max_question_length` says."""
MAX_QUOTE_CHARACTERS = 2_000
MAX_DIRECT_CHARACTERS = 20_000
"""Characters of a draft that is compared while its sender waits; a longer one becomes a job."""
LONGEST_ID, LONGEST_TITLE = 512, 10_000
NO_CONTROLS = r"^[^\x00-\x1f\x7f]+$"


def _whole(value: object) -> object:
    # In JSON 5.0 is the same number as 5.
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
QuestionText = Annotated[StrictStr, Field(max_length=MAX_QUESTION_LETTERS, description="In plain words.")]
TopK = Annotated[StrictInt, Field(ge=1, le=50, description="Answers at most."), WHOLE]
MinConfidence = Annotated[
    StrictFloat, Field(ge=0, le=1, description="Lowest confidence of an answer; not together with min_precision.")
]
MinPrecision = Annotated[
    StrictFloat,
    Field(ge=0, le=1, description="Share of answers that should be right; sets the lowest confidence accordingly."),
]
Explain = Annotated[StrictBool, Field(description="Tell how the answer was found, step by step.")]
_VALUE: dict[str, Any] = {"type": ["string", "number", "boolean"]}
_VALUES: dict[str, Any] = {"type": "array", "items": _VALUE, "minItems": 1}
# A part of its own for each comparison would have `<` for a name, of which no client generator can make a field.
_RANGE: dict[str, Any] = {
    "type": "object", "minProperties": 1, "propertyNames": {"enum": ["=", "<", "<=", ">", ">="]},
    "additionalProperties": {"anyOf": [_VALUE, _VALUES]},
}  # fmt: skip
FILTERS_SCHEMA: dict[str, Any] = {
    "type": "object", "propertyNames": {"minLength": 1},
    "additionalProperties": {"anyOf": [_VALUE, _VALUES, _RANGE]},
    "description": "Which documents are asked, by their metadata: a value, any of several, or a range.",
}  # fmt: skip
FILTER_PARTS: dict[str, dict[str, Any]] = {
    "Filters": {
        **FILTERS_SCHEMA,
        "additionalProperties": {"anyOf": [_VALUE, _VALUES, {"$ref": "#/$defs/FilterRange"}]},
    },
    "FilterRange": _RANGE,
}
"""The same by name, so that client generators make one type of it."""
Filters = Annotated[dict[str, Any], WithJsonSchema(FILTERS_SCHEMA)]
"""`rag.index.filters` checks them, because its messages are better."""
DocumentId = Annotated[StrictStr, Field(min_length=1, max_length=LONGEST_ID, pattern=NO_CONTROLS)]


ONE_THRESHOLD: dict[str, Any] = {
    "not": {
        "required": ["min_confidence", "min_precision"],
        "properties": {"min_confidence": {"type": "number"}, "min_precision": {"type": "number"}},
    }
}


def described_request(example: dict[str, Any], **more: Any) -> ConfigDict:
    """Return the configuration of a request, with an example for its description."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example], **more})


@dataclass(frozen=True)
class AskRequest:
    """A question, and how to answer it; missing parts have the values of the server's settings."""

    question: QuestionText
    top_k: TopK | None = None
    filters: Filters | None = None
    min_confidence: MinConfidence | None = None
    min_precision: MinPrecision | None = None
    explain: Explain = False

    __pydantic_config__ = described_request(
        {"question": "When did the Soviet Union collapse?", "top_k": 3}, **ONE_THRESHOLD
    )


@dataclass(frozen=True)
class BatchRequest:
    """Several questions, answered the same way."""

    questions: Annotated[list[QuestionText], Field(min_length=1, max_length=MOST_QUESTIONS)]
    top_k: TopK | None = None
    filters: Filters | None = None
    min_confidence: MinConfidence | None = None
    min_precision: MinPrecision | None = None
    explain: Explain = False

    __pydantic_config__ = described_request(
        {"questions": ["When did the Soviet Union collapse?", "Why did Armenia recall its ambassador to Israel?"]},
        **ONE_THRESHOLD,
    )

    def asked(self) -> list[AskRequest]:
        """Return each question as a request of its own."""
        rest = self.top_k, self.filters, self.min_confidence, self.min_precision, self.explain
        return [AskRequest(question, *rest) for question in self.questions]


@dataclass(frozen=True)
class SearchRequest:
    """Words or a question to find passages for."""

    query: QuestionText
    top_k: TopK | None = None
    filters: Filters | None = None

    __pydantic_config__ = described_request({"query": "drones", "top_k": 5})


@dataclass(frozen=True)
class SearchPage:
    """A part of the passages that are found for some words."""

    query: QuestionText
    top_k: Annotated[StrictInt, Field(ge=1, le=50, description="Passages at most."), WHOLE] = 5
    filters: Filters | None = None
    offset: Annotated[StrictInt, Field(ge=0, le=49, description="Passages to pass over, as `next` says."), WHOLE] = 0

    __pydantic_config__ = described_request({"query": "drones", "top_k": 5})


@dataclass(frozen=True)
class QuoteRequest:
    """A quotation, and the document that it is said to stand in."""

    document_id: Annotated[DocumentId, Field(description="Id of the document.")]
    quote: Annotated[
        StrictStr,
        Field(min_length=1, max_length=MAX_QUOTE_CHARACTERS, description="The words as they are said to stand there."),
    ]

    __pydantic_config__ = described_request({"document_id": "article.txt", "quote": "in 1991"})


@dataclass(frozen=True)
class FeedbackRequest:
    """What a reader says of one answer of a response that was given lately."""

    response_id: Annotated[StrictStr, Field(pattern="^r_[0-9a-f]{16}$")]
    rank: Annotated[StrictInt, Field(ge=1), WHOLE]
    verdict: Literal["right", "wrong_place", "not_an_answer", "boilerplate", "outdated"]

    __pydantic_config__ = described_request({"response_id": "r_0123456789abcdef", "rank": 1, "verdict": "right"})


@dataclass(frozen=True)
class StandingRequest:
    """A question to be asked again when documents change."""

    question: QuestionText
    filters: Filters | None = None

    __pydantic_config__ = described_request({"question": "When did the Soviet Union collapse?"})


@dataclass(frozen=True)
class ProofRequest:
    """The text of a draft that is compared with the documents."""

    text: Annotated[
        StrictStr,
        Field(min_length=1, max_length=MAX_SERVED_DRAFT_CHARACTERS, description="The draft; it is not changed."),
    ]
    name: Annotated[StrictStr, Field(max_length=LONGEST_ID, description="What the report calls the draft.")] = "draft"
    format: Annotated[Literal["markdown", "text"], Field(description="How the text is read.")] = "markdown"
    filters: Filters | None = None

    __pydantic_config__ = described_request({"text": "Israel buys 14 percent of its oil from Azerbaijan."})


@dataclass(frozen=True)
class ProofPage:
    """The text of a draft, and which of its findings are wanted."""

    text: Annotated[
        StrictStr, Field(min_length=1, max_length=MAX_DIRECT_CHARACTERS, description="The draft; it is not changed.")
    ]
    filters: Filters | None = None
    only_wrong: Annotated[
        StrictBool, Field(description="Leave out what the documents show; what differs or is not found remains.")
    ] = False
    offset: Annotated[
        StrictInt, Field(ge=0, le=100_000, description="Findings to pass over, as `next` says."), WHOLE
    ] = 0

    __pydantic_config__ = described_request({"text": "Israel buys 14 percent of its oil from Azerbaijan."})


@dataclass(frozen=True)
class StandingPage:
    """A part of the list of standing questions."""

    offset: Annotated[
        StrictInt, Field(ge=0, le=100_000, description="Questions to pass over, as `next` says."), WHOLE
    ] = 0

    __pydantic_config__ = described_request({"offset": 0})


@dataclass(frozen=True)
class DocumentContent:
    """A document to add: its text, which is quoted as it is, and its metadata. There is no way to name a file."""

    id: DocumentId
    text: Annotated[StrictStr, Field(min_length=1)]
    title: Annotated[StrictStr, Field(max_length=LONGEST_TITLE)] | None = None
    format: Literal["text", "markdown"] = "text"
    metadata: dict[StrictStr, Any] = field(default_factory=dict)

    __pydantic_config__ = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class DocumentsRequest:
    """Documents to add, or to bring up to date where their id is held already; one commit takes them all."""

    documents: Annotated[list[DocumentContent], Field(min_length=1, max_length=MOST_DOCUMENTS)]

    __pydantic_config__ = described_request(
        {
            "documents": [
                {
                    "id": "ferry",
                    "text": "The ferry of Marrowick leaves at noon on each Sunday.",
                    "metadata": {"published_at": "2026-04-01"},
                }
            ]
        }
    )


@dataclass(frozen=True)
class TextRequest:
    """A range of the stored text of a document."""

    document_id: Annotated[DocumentId, Field(description="Id of the document.")]
    start: Annotated[StrictInt, Field(ge=0, description="First code point."), WHOLE] = 0
    end: Annotated[StrictInt, Field(ge=0, description="After the last code point; none: to the end."), WHOLE] | None = (
        None
    )

    __pydantic_config__ = described_request({"document_id": "article.txt", "start": 0, "end": 500})


@dataclass(frozen=True)
class DocumentsPage:
    """A part of the list of documents."""

    after: Annotated[StrictStr, Field(max_length=LONGEST_ID, description="Id of the last one had.")] = ""
    limit: Annotated[StrictInt, Field(ge=1, le=1_000, description="Documents at most."), WHOLE] = 100

    __pydantic_config__ = described_request({"after": "", "limit": 100})
