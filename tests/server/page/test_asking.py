import pytest

from rag.core.errors import InvalidInput
from rag.server.page.asking import MAX_CHOSEN_DOCUMENTS, chosen_documents


def test_documents_are_chosen_by_a_short_list_of_their_ids() -> None:
    assert chosen_documents(["a", "b"]) == ["a", "b"]
    for wrong in ("a", {"a": 1}, [1], [["a"]], ["x"] * (MAX_CHOSEN_DOCUMENTS + 1)):
        with pytest.raises(InvalidInput):
            chosen_documents(wrong)
