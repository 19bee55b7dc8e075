"""Haystack: its sentence-transformers embedders, in-memory store and embedding retriever."""

from pathlib import Path
from typing import Any

from driver import Peer, run
from haystack import Document, Pipeline
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack_integrations.components.embedders.sentence_transformers import (
    SentenceTransformersDocumentEmbedder,
    SentenceTransformersTextEmbedder,
)


def load(model: str) -> Any:
    documents = SentenceTransformersDocumentEmbedder(model=model, progress_bar=False)
    questions = SentenceTransformersTextEmbedder(model=model, progress_bar=False)
    return documents, questions


def index(model: Any, passages: list[str], folder: Path) -> None:
    documents, _ = model
    documents.warm_up()
    store = InMemoryDocumentStore(embedding_similarity_function="cosine")
    store.write_documents(documents.run([Document(content=text) for text in passages])["documents"])
    folder.mkdir(parents=True)
    store.save_to_disk(str(folder / "store.json"))


def opened(model: Any, folder: Path) -> Any:
    _, questions = model
    found = Pipeline()
    found.add_component("embedder", questions)
    store = InMemoryDocumentStore.load_from_disk(str(folder / "store.json"))
    found.add_component("retriever", InMemoryEmbeddingRetriever(store, top_k=5))
    found.connect("embedder.embedding", "retriever.query_embedding")
    return found


def best(pipeline: Any, question: str) -> str:
    found = pipeline.run({"embedder": {"text": question}})["retriever"]["documents"]
    return str(found[0].content)


if __name__ == "__main__":
    run(Peer(load, index, opened, best))
