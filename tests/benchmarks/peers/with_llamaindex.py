"""LlamaIndex: HuggingFaceEmbedding, VectorStoreIndex and its storage context."""

from pathlib import Path
from typing import Any

from driver import Peer, run
from llama_index.core import Document, StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.embeddings.huggingface import HuggingFaceEmbedding


def load(model: str) -> Any:
    return HuggingFaceEmbedding(model_name=model)


def index(model: Any, passages: list[str], folder: Path) -> None:
    made = VectorStoreIndex.from_documents([Document(text=text) for text in passages], embed_model=model)
    made.storage_context.persist(str(folder))


def opened(model: Any, folder: Path) -> Any:
    context = StorageContext.from_defaults(persist_dir=str(folder))
    return load_index_from_storage(context, embed_model=model).as_retriever(similarity_top_k=5)


def best(retriever: Any, question: str) -> str:
    return str(retriever.retrieve(question)[0].text)


if __name__ == "__main__":
    run(Peer(load, index, opened, best))
