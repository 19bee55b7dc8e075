"""An adapter whose library is not installed says in one line how to install it."""

import sys
from importlib import import_module

import pytest

from rag import RagError


@pytest.mark.parametrize(
    ("adapter", "library"),
    [("langchain", "langchain_core.documents"), ("haystack", "haystack"), ("llamaindex", "llama_index.core.schema")],
)
def test_an_adapter_without_its_library_names_the_command(
    adapter: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, f"rag.adapters.{adapter}", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(RagError, match=rf"pip install 'pincite-slim\[{adapter}\]'") as caught:
        import_module(f"rag.adapters.{adapter}")
    assert isinstance(caught.value, ImportError), "a program that tries an import catches it"
