"""Finds passages by their words on a server that ranks by BM25, and counts words on every server.

The server gets stems from the stemmer of the index, so that it finds the same passages as an index in a folder. Records
store in how many passages each word is, because servers do not say so.
"""

import zlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rag.index.milvus.collections import SPARSE
from rag.index.milvus.reading import WORDS, MilvusDocuments, named, row_condition
from rag.index.milvus.rows import Rows, VisibleVersion
from rag.index.server_words import HEADING, PLAIN, STEMS, SearchedWords, ServerWords, WordCounts
from rag.index.storage.lexical import TantivyStore

if TYPE_CHECKING:
    from rag.core.protocols import Ints1d, Ranking

WORD_GROUPS = 4096


def milvus_words(
    documents: MilvusDocuments, passages: Rows | None, visible: VisibleVersion, count: int, stemmer: str
) -> ServerWords:
    """Return the words of a version. `passages` is None if the server has no full text search; then none are found."""

    def rank(query: SearchedWords, k: int, among: "Ints1d | None") -> "Ranking":
        if passages is None:
            return []
        return passages.search(
            [" ".join(query.stems)], SPARSE, k, {"metric_type": "BM25"}, visible, row_condition(among)
        )[0]

    def read_counts(words: Sequence[str]) -> dict[str, WordCounts]:
        counts: dict[str, WordCounts] = {}
        for group in documents.named(sorted({named(WORDS, group_of(word)) for word in words})).values():
            counts.update((word, (own[0], own[1], own[2])) for word, own in group.items())
        return counts

    return ServerWords(count, stemmer, read_counts, rank)


def group_of(word: str) -> int:
    """Return the number of the record that has the counts of a word."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass")) % WORD_GROUPS


def word_counts(language: TantivyStore, texts: Sequence[tuple[str, str]]) -> dict[str, WordCounts]:
    """Return the counts of the words of passages, each given with its headings."""
    counts = (Counter[str](), Counter[str](), Counter[str]())
    for text, heading in texts:
        own = language.language_of(text)
        counts[STEMS].update({*language.terms(text, own)})
        counts[PLAIN].update({*language.words(text)})
        counts[HEADING].update({*language.terms(heading, own)})
    words = set[str]().union(*counts)
    return {word: (counts[0][word], counts[1][word], counts[2][word]) for word in words}
