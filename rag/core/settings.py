"""Holds every number a user may turn, each with unit, range and reason. Unknown keys are refused.

`Settings` say how an index is built and asked, `Options` how it is served.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from rag.core.errors import InvalidSettings

Record = TypeVar("Record", "Settings", "Options")
RANGES: dict[str, tuple[float, float]] = {
    "chunk_size": (200, 8_000),
    "repeated_share": (0.0, 1.0),
    "candidates": (10, 1_000),
    "dense_weight": (0.0, 1.0),
    "read_passages": (1, 100),
    "top_k": (1, 50),
    "min_confidence": (0.0, 1.0),
    "min_precision": (0.0, 1.0),
    "context_sentences": (0, 5),
    "max_question_length": (10, 10_000),
    "port": (0, 65_535),
    "rate_limit": (1, 1_000_000),
    "upload_limit": (1, 100_000),
    "upload_space": (1, 10_000_000),
}

VECTOR_INDEXES = ("auto", "flat", "sq8", "ivf")
OCR_ENGINES = ("auto", "rapidocr", "tesseract", "none")
RUNTIMES = ("auto", "onnx-int8", "onnx-fp32", "sentence-transformers")
WITHOUT_MODEL, NO_RERANKER = "sentences", "none"
INDEX_SETTINGS = ("embedding_model", "chunk_size", "stemmer", "text_column", "repeated_share")
"""Settings that an index is built with; its manifest holds them. If one changes, the index is built again."""
OPTIONAL_INDEX_SETTINGS = ("vector_index", "ocr", "ocr_language")
"""Settings of this kind that a manifest holds only if they are not the usual ones."""
MUTUALLY_EXCLUSIVE = {"min_confidence": "min_precision", "min_precision": "min_confidence"}
"""Settings that exclude each other."""
OCR_LANGUAGE = re.compile(r"(?:[A-Za-z][A-Za-z0-9_]*(?:\+[A-Za-z][A-Za-z0-9_]*)*)?")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
YES_OR_NO = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True)
class Settings:
    """Settings of building and asking.

    >>> Settings(top_k=3).top_k
    3
    """

    embedding_model: str = "all-MiniLM-L6-v2"
    """Shipped model, a local folder, or any sentence-transformers name of a hub."""
    embedding_runtime: str = "auto"
    """`auto`: ONNX Runtime with 8-bit matrices if it can run the model; or `onnx-int8`, `onnx-fp32`,
    `sentence-transformers`, the reference. Their vectors are near enough to be used with one another's index."""
    chunk_size: int = 900
    """Longest passage in characters; about 200 tokens of English, below the 256 of the shipped model."""
    stemmer: str = "english"
    """Snowball language for the lexical index; `none` searches words as they are."""
    text_column: str = ""
    """Column of CSV, TSV, JSON and XLSX rows that holds their text; empty: one of the usual names, if there is one."""
    ocr: str = "auto"
    """How scanned pages and pictures are read. `auto`: by RapidOCR if the extra `ocr` is installed; `rapidocr`;
    `tesseract`, a program of the system; `none`: they are named in the report."""
    ocr_language: str = ""
    """Language of scans, such as `de`; empty: RapidOCR reads some 50 languages in Latin, Chinese and Japanese script,
    Tesseract English. Tesseract takes its own codes too, such as `deu+eng`."""
    repeated_share: float = 0.1
    """Share of the documents, and five of them at least, that have a block which is masked as `repeated` if it
    stands at an edge: a menu, a disclaimer (`rag.index.writing.repeated_blocks`). 0 masks none for that."""
    isolated_reading: bool = True
    """Files are read in a process of their own, within limits of time and memory; `false` reads them in the process
    that asks. `rag serve` always reads apart, and Windows never does."""
    vector_index: str = "auto"
    """How vectors are searched. `flat`: all are compared; `sq8`: all, in 8 bits, and the best again; `ivf`: those of
    the nearest of many lists, in 8 bits, and the best again. `auto`: by their number
    (`rag.index.writing.vector_writer`)."""
    candidates: int = 100
    """Passages taken from each of the two rankings before they are fused."""
    dense_weight: float = 0.6
    """Share of the dense score in the fused one; the rest is BM25."""
    read_passages: int = 8
    """Most fused passages whose sentences are read; after the third, a model reads none that is far below the best."""
    reader: str = "shipped"
    """Model that reads them: `shipped`; `sentences` for none, so that whole sentences are judged by likeness and words
    alone; or any extractive question-answering model of a hub or a local folder."""
    reranker: str = "none"
    """Cross-encoder that orders the fused passages before they are read, by its name or folder; `none`: none."""
    top_k: int = 5
    """Answers returned at most."""
    min_confidence: float | None = None
    """Answers below this probability are withheld; None: the threshold fitted with the confidence. Then a quotation
    below it is shown too if it gives another figure or date than the first answer, or the same in other words."""
    min_precision: float | None = None
    """Wanted share of right answers: 0.95 withholds answers below the threshold from which on 95 of 100 were right on
    the questions of the calibration. In place of `min_confidence`."""
    context_sentences: int = 1
    """Neighbour sentences shown on each side of an answer that is a whole sentence."""
    max_question_length: int = 2_000
    """Longest question in characters; a longer text is a document, not a question."""

    def __post_init__(self) -> None:
        """Refuse values outside their range or of another kind."""
        _require_kinds(self)
        if self.min_confidence is not None and self.min_precision is not None:
            what = f"Both min_confidence={self.min_confidence} and min_precision={self.min_precision} are given."
            raise InvalidSettings(what, "Give one of them: each of the two sets the threshold.")
        choices = {"embedding_runtime": RUNTIMES, "vector_index": VECTOR_INDEXES, "ocr": OCR_ENGINES}
        for name, values in choices.items():
            if getattr(self, name) not in values:
                what = f"Setting {name}={getattr(self, name)!r} is unknown."
                raise InvalidSettings(what, f"Give one of {', '.join(values)}.")
        if not OCR_LANGUAGE.fullmatch(self.ocr_language):
            what = f"Setting ocr_language={self.ocr_language!r} is no language."
            raise InvalidSettings(what, "Give a code such as de or deu+eng.")

    def updated(self, changes: Mapping[str, Any]) -> "Settings":
        """Return a copy with `changes`; text values are read as the setting's own type.

        Raises InvalidSettings for an unknown key, naming the nearest known one.
        """
        return _updated(self, changes)

    def shaping(self) -> dict[str, Any]:
        """Return the settings an index is built with, optional ones only if they are not the usual ones."""
        shaping = {name: getattr(self, name) for name in INDEX_SETTINGS}
        optional = {name: getattr(self, name) for name in OPTIONAL_INDEX_SETTINGS}
        usual = {item.name: item.default for item in fields(self)}
        return shaping | {name: value for name, value in optional.items() if value != usual[name]}


@dataclass(frozen=True)
class Options:
    """How the page, REST and MCP are served: where, for whom, and how much of it.

    >>> Options().updated({"port": "7861"}).port
    7861
    """

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 7860
    """0 takes a free one."""
    auth: tuple[str, str] | None = None
    """Name and password that a visitor must give; `name:password` if it is text."""
    readonly: bool = False
    """Visitors may ask; nothing they do is written."""
    rate_limit: int = 120
    """Questions a minute of one client; a file of questions counts each."""
    upload_limit: int = 50
    """Longest file that is taken, in megabytes."""
    upload_space: int = 10_000
    """Megabytes that all uploaded files together may take."""
    proxy: str = ""
    """Address of the reverse proxy in front; only this one is believed when it says from where a request comes."""
    trust_proxy_user: str = ""
    """Header in which that proxy names the user who has logged in there, such as X-Forwarded-User."""
    public_host: str = ""
    """Host names under which the server is reached, with commas between them; others are then refused."""

    def __post_init__(self) -> None:
        """Refuse options that nothing can be served with, such as limits that let nothing through."""
        _require_kinds(self)
        if not isinstance(self.readonly, bool):
            raise InvalidSettings(f"Setting readonly={self.readonly!r} is neither yes nor no.", "Give true or false.")
        if not self.host:  # which would be every address of this machine
            raise InvalidSettings("Setting host='' is no address.", "Give one such as 127.0.0.1.")

    def updated(self, changes: Mapping[str, Any]) -> "Options":
        """Return a copy with `changes`; text values are read as the option's own type. Raises InvalidSettings."""
        return _updated(self, changes)

    @property
    def local(self) -> bool:
        """Tell whether only this machine can reach the server."""
        return self.host in LOOPBACK

    @property
    def host_names(self) -> list[str]:
        """Return the host names that requests may have, none if any is taken.

        A page elsewhere must not reach the documents by pointing its own name at this machine.
        """
        names = [name.strip() for name in self.public_host.split(",") if name.strip()]
        return [*LOOPBACK, "[::1]", *names] if self.local or names else []


def name_and_password(text: object) -> tuple[str, str]:
    """Return the two halves of `name:password`. Raises InvalidSettings, without the text, if one is missing."""
    name, colon, password = text.partition(":") if isinstance(text, str) else ("", "", "")
    if not (name and colon and password):
        raise InvalidSettings("The login is not of the form name:password.", "Give both: rag serve --auth ann:secret")
    return name, password


def require_known(key: str, names: Iterable[str]) -> None:
    """Raise InvalidSettings for an unknown key, naming the nearest known one."""
    names = tuple(names)
    if key not in names:
        near = difflib.get_close_matches(key, names, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known settings: {', '.join(names)}."
        raise InvalidSettings(f"Unknown setting {key!r}.", hint)


def merge_settings(changes: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with `changes` over them; each change also displaces the setting that it excludes.

    >>> merge_settings({"min_precision": 0.9}, {"min_confidence": 0.2, "top_k": 3})
    {'top_k': 3, 'min_precision': 0.9}
    """
    remaining = {key: value for key, value in values.items() if MUTUALLY_EXCLUSIVE.get(key) not in changes}
    return {**remaining, **changes}


def _updated(record: Record, changes: Mapping[str, Any]) -> Record:
    typed: dict[str, Any] = {key: _typed(type(record), key, value) for key, value in changes.items()}
    return replace(record, **typed)


def _typed(record: type, key: str, value: object) -> object:
    items = {item.name: item for item in fields(record)}
    require_known(key, items)
    if key == "auth":
        return name_and_password(value)
    if not isinstance(value, str) or items[key].type is str:
        return value
    default = items[key].default
    if isinstance(default, bool):
        return YES_OR_NO.get(value.lower(), value)
    try:
        return int(value) if isinstance(default, int) else float(value)
    except ValueError:
        raise InvalidSettings(f"Setting {key}={value!r} is not a number.", "Give a number.") from None


def _require_kinds(record: Any) -> None:
    """Raise InvalidSettings if a number is outside its range, or a value is of another kind."""
    for item in fields(record):
        value = getattr(record, item.name)
        if item.type is str and not isinstance(value, str):
            raise InvalidSettings(f"Setting {item.name}={value!r} is not text.", "Give it in quotes.")
        if item.name not in RANGES or (value is None and item.default is None):
            continue
        low, high = RANGES[item.name]
        whole = isinstance(item.default, int)
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            kind = "a whole number" if whole else "a number"
            raise InvalidSettings(f"Setting {item.name}={value!r} is not {kind}.", f"Give one from {low} to {high}.")
        if not low <= value <= high:
            raise InvalidSettings(f"Setting {item.name}={value} is out of range.", f"Give one from {low} to {high}.")
