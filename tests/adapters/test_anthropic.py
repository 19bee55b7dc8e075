from itertools import pairwise

import pytest
from anthropic.types import TextBlock

from rag.adapters.anthropic import to_anthropic_citations
from rag.answering.assistant import Assistant
from rag.index.index import Index


def test_the_blocks_are_those_of_the_library_and_lead_to_the_text(seeds_index: Index) -> None:
    response = Assistant(seeds_index).ask("Why did Armenia recall its ambassador to Israel?")
    ids = [summary.id for summary in seeds_index.documents()]
    blocks = [TextBlock.model_validate(block, strict=True) for block in to_anthropic_citations(response, ids)]
    assert [block.text for block in blocks] == [answer.answer for answer in response.answers]
    for block, answer in zip(blocks, response.answers, strict=True):
        assert block.citations is not None and len(block.citations) == 1 + len(answer.also_in)
        for citation in block.citations:
            assert citation.type == "char_location"
            document = seeds_index.document(ids[citation.document_index])
            assert document is not None and document.title == citation.document_title
            assert document.text[citation.start_char_index : citation.end_char_index] == citation.cited_text


def test_without_a_list_documents_count_as_they_are_cited(seeds_index: Index) -> None:
    response = Assistant(seeds_index).ask("Why did Armenia recall its ambassador to Israel?")
    numbers = [
        citation["document_index"] for block in to_anthropic_citations(response) for citation in block["citations"]
    ]
    assert numbers[0] == 0 and all(second <= max(numbers[: place + 1]) + 1
                                   for place, (_, second) in enumerate(pairwise(numbers)))  # fmt: skip
    with pytest.raises(ValueError, match="not in list"):
        to_anthropic_citations(response, ["another"])


def test_a_no_answer_cites_nothing(seeds_index: Index) -> None:
    response = Assistant(seeds_index).ask("What is the melting point of tungsten carbide in Kelvin?")
    (block,) = [TextBlock.model_validate(block) for block in to_anthropic_citations(response)]
    assert response.no_answer is not None and (block.text, block.citations) == (response.no_answer.message, None)
