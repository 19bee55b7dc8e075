"""Finds passages by their words on a server that ranks by BM25, and counts words on every server.

The server gets stems from the stemmer of the index, so that it finds the same passages as an index in a folder. Records
store in how many passages each word is, because servers do not say so.
"""

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rag.index.milvus.collections import SPARSE
from rag.index.milvus.reading import WORDS, MilvusDocuments, named, row_condition
from rag.index.milvus.rows import Rows, VisibleVersion
from rag.index.storage.lexical import TantivyStore, may_be_misspelt, most_frequent, one_edit_away, searched_words

if TYPE_CHECKING:
    from rag.core.protocols import Ints1d, Ranking

WORD_GROUPS = 4096
STEMS, PLAIN, HEADING = range(3)
"""Positions of the three counts of a word: passages that have it as a stem, unstemmed, and as a stem in a heading."""
WordCounts = tuple[int, int, int]
NEVER: WordCounts = (0, 0, 0)


class MilvusWords:
    """The words of a version, with the reading methods of `rag.index.storage.lexical.TantivyStore`."""

    def __init__(
        self,
        documents: MilvusDocuments,
        passages: Rows | None,
        visible: VisibleVersion,
        count: int,
        stemmer: str = "english",
    ) -> None:
        """Use the counts among the records. `passages` is None if the server has no full text search."""
        self._documents, self._passages, self._visible, self._count = documents, passages, visible, count
        self._stemmer, self._language = stemmer, TantivyStore(None, stemmer)
        self._cached_counts: dict[str, WordCounts] = {}

    def __len__(self) -> int:
        """Return the number of rows that the manifest gives."""
        return self._count

    def search(self, query: str, k: int, among: "Ints1d | None" = None) -> "Ranking":
        """Return the k best rows, best first, ties in order of row. There are none without full text search."""
        if self._passages is None or k < 1 or (among is not None and not len(among)):
            return []
        corrections = [word for near in self.corrections(query).values() for word in near]
        words, language = [*searched_words(self.words(query), self._stemmer), *corrections], self.language_of(query)
        stems = self.terms(" ".join(words), "")
        stems += [stem for stem in self.terms(" ".join(words), language) if stem not in stems] if language else []
        if not stems:
            return []
        options = {"metric_type": "BM25"}
        k = min(k, self._count)
        return self._passages.search([" ".join(stems)], SPARSE, k, options, self._visible, row_condition(among))[0]

    def language_of(self, text: str) -> str:
        """Return the language whose stemmer a text gets before that of the index, empty if it gets none."""
        return self._language.language_of(text)

    def terms(self, text: str, language: str | None = None) -> list[str]:
        """Return the stemmed words of a text in order, with repetitions. These are searched."""
        return self._language.terms(text, language)

    def words(self, text: str) -> list[str]:
        """Return the words of a text, lower-cased and without accents but not stemmed."""
        return self._language.words(text)

    def words_as_written(self, text: str) -> list[str]:
        """Return the words of a text unchanged, one for each of `words`."""
        return self._language.words_as_written(text)

    def document_frequency(self, term: str) -> int:
        """Return the number of rows whose passage or headings have a term of `terms`."""
        counts = self._counts([term])[term]
        return max(counts[STEMS], counts[HEADING])

    def corrections(self, query: str) -> dict[str, tuple[str, ...]]:
        """Return the corrections of each word of the query that no row has; see `TantivyStore.corrections`."""
        query_words = dict.fromkeys(searched_words(self.words(query), self._stemmer))
        language = self.language_of(query)
        stems = {word: self.terms(word, language) for word in query_words}
        counts = self._counts({*query_words, *(stem for terms in stems.values() for stem in terms)})
        unknown = [
            word for word in query_words
            if may_be_misspelt(word) and not counts[word][PLAIN]
            and not any(max(counts[stem][STEMS], counts[stem][HEADING]) for stem in stems[word])
        ]  # fmt: skip
        near = {word: one_edit_away(word) for word in unknown}
        counts = self._counts({other for others in near.values() for other in others})
        rows = {word: counts[word][PLAIN] or counts[word][HEADING] for word in counts}
        return {word: best for word in unknown if (best := most_frequent({other: rows[other] for other in near[word]}))}

    def _counts(self, words: Iterable[str]) -> dict[str, WordCounts]:
        """Return the counts of words, read once each."""
        all_words, cached = list(words), self._cached_counts
        groups = {named(WORDS, group_of(word)) for word in all_words if word not in cached}
        for group in self._documents.named(sorted(groups)).values():
            cached.update((word, (counts[0], counts[1], counts[2])) for word, counts in group.items())
        cached.update((word, NEVER) for word in all_words if word not in cached)
        return {word: cached[word] for word in all_words}


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
