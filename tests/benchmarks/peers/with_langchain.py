"""LangChain: HuggingFaceEmbeddings and its FAISS vector store."""

from pathlib import Path
from typing import Any

from driver import Peer, run
from langchain_community.vectorstores import FAISS
from langchain_huggingface import HuggingFaceEmbeddings


def load(model: str) -> Any:
    return HuggingFaceEmbeddings(model_name=model)


def index(model: Any, passages: list[str], folder: Path) -> None:
    FAISS.from_texts(passages, model).save_local(str(folder))


def opened(model: Any, folder: Path) -> Any:
    return FAISS.load_local(str(folder), model, allow_dangerous_deserialization=True)


def best(store: Any, question: str) -> str:
    return str(store.similarity_search(question, k=5)[0].page_content)


if __name__ == "__main__":
    run(Peer(load, index, opened, best))
