"""Finds passages by their words on a server that ranks by BM25, and knows on every server how rare a word is.

The server is given stems, made here by the index's own stemmer, so that it finds what the index in a folder finds.
Counts of words are kept by us, in records of some words each: no server tells in how many passages a word is.
"""

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rag.index.milvus.collections import SPARSE
from rag.index.milvus.reading import WORDS, MilvusDocuments, named, only
from rag.index.milvus.rows import Rows, Seen
from rag.index.storage.lexical import TantivyStore, may_be_misspelt, most_frequent, one_edit_away, searched_words

if TYPE_CHECKING:
    from rag.core.protocols import Ints1d, Ranking

GROUPS = 4096
STEMS, PLAIN, HEADING = range(3)
"""Places of a word's three counts: passages that have it as a stem, as it is written, and as a stem in a heading."""
Counts = tuple[int, int, int]
NEVER: Counts = (0, 0, 0)


class MilvusWords:
    """The words of a version: what `rag.index.storage.lexical.TantivyStore` tells a reader of its own."""

    def __init__(
        self, documents: MilvusDocuments, passages: Rows | None, seen: Seen, held: int, stemmer: str = "english"
    ) -> None:
        """Use the counts among the records; `passages` is None where the server has no full text search."""
        self._documents, self._passages, self._seen, self._held = documents, passages, seen, held
        self._stemmer, self._language = stemmer, TantivyStore(None, stemmer)
        self._known: dict[str, Counts] = {}

    def __len__(self) -> int:
        """Return the number of rows held, by the manifest."""
        return self._held

    def search(self, query: str, k: int, among: "Ints1d | None" = None) -> "Ranking":
        """Return the k best rows, best first, ties in order of row; none where the server has no full text search."""
        if self._passages is None or k < 1 or (among is not None and not len(among)):
            return []
        corrected = [word for near in self.corrections(query).values() for word in near]
        stems = self.terms(" ".join([*searched_words(self.words(query), self._stemmer), *corrected]))
        if not stems:
            return []
        options = {"metric_type": "BM25"}
        k = min(k, self._held)
        return self._passages.search([" ".join(stems)], SPARSE, k, options, self._seen, only(among))[0]

    def terms(self, text: str) -> list[str]:
        """Return the stemmed words of a text, as they are searched, in order, repeated ones too."""
        return self._language.terms(text)

    def words(self, text: str) -> list[str]:
        """Return the words of a text as they are, lower-cased, without accents."""
        return self._language.words(text)

    def words_as_written(self, text: str) -> list[str]:
        """Return the words of a text untouched, one for each of `words`."""
        return self._language.words_as_written(text)

    def document_frequency(self, term: str) -> int:
        """Return in how many rows a term of `terms` occurs, passage and headings taken together."""
        counts = self._counts([term])[term]
        return max(counts[STEMS], counts[HEADING])

    def corrections(self, query: str) -> dict[str, tuple[str, ...]]:
        """Return for each word of the query that no row has the words one edit away, as `storage.lexical` does."""
        asked = dict.fromkeys(searched_words(self.words(query), self._stemmer))
        stems = {word: self.terms(word) for word in asked}
        counts = self._counts({*asked, *(stem for found in stems.values() for stem in found)})
        unknown = [
            word for word in asked
            if may_be_misspelt(word) and not counts[word][PLAIN]
            and not any(max(counts[stem][STEMS], counts[stem][HEADING]) for stem in stems[word])
        ]  # fmt: skip
        near = {word: one_edit_away(word) for word in unknown}
        counts = self._counts({other for found in near.values() for other in found})
        rows = {word: counts[word][PLAIN] or counts[word][HEADING] for word in counts}
        return {word: best for word in unknown if (best := most_frequent({other: rows[other] for other in near[word]}))}

    def _counts(self, words: Iterable[str]) -> dict[str, Counts]:
        """Return the counts of words, read once each."""
        asked = list(words)
        groups = {named(WORDS, group_of(word)) for word in asked if word not in self._known}
        for held in self._documents.named(sorted(groups)).values():
            self._known.update((word, (found[0], found[1], found[2])) for word, found in held.items())
        self._known.update((word, NEVER) for word in asked if word not in self._known)
        return {word: self._known[word] for word in asked}


def group_of(word: str) -> int:
    """Return which record has a word's counts."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass")) % GROUPS


def counted(language: TantivyStore, texts: Sequence[tuple[str, str]]) -> dict[str, Counts]:
    """Return in how many of these passages, each with what stands above it, a word is: by stem, as written, above."""
    counts = (Counter[str](), Counter[str](), Counter[str]())
    for text, heading in texts:
        counts[STEMS].update({*language.terms(text)})
        counts[PLAIN].update({*language.words(text)})
        counts[HEADING].update({*language.terms(heading)})
    words = set[str]().union(*counts)
    return {word: (counts[0][word], counts[1][word], counts[2][word]) for word in words}
