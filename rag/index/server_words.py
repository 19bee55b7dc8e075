"""Finds passages by their words on a server that counts words and ranks passages.

The server gets the stems of the index's own stemmer, so that it finds the same passages as an index in a folder.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rag.index.storage.lexical import TantivyStore, may_be_misspelt, most_frequent, one_edit_away, searched_words

if TYPE_CHECKING:
    from rag.core.protocols import Ints1d, Ranking

STEMS, PLAIN, HEADING = range(3)
"""Positions of the three counts of a word: passages that have it as a stem, unstemmed, and as a stem in a heading."""
WordCounts = tuple[int, int, int]
NEVER: WordCounts = (0, 0, 0)


class SearchedWords(NamedTuple):
    """The words of a query, with repetitions: the stems, the words without stemming, and the counts of both."""

    stems: list[str]
    words: list[str]
    counts: Mapping[str, WordCounts]


ReadCounts = Callable[[Sequence[str]], Mapping[str, WordCounts]]
"""Returns the counts of words; a word without counts may be left out."""
Rank = Callable[[SearchedWords, int, "Ints1d | None"], "Ranking"]
"""Returns the k best rows for the words, best first, ties in order of row."""


class ServerWords:
    """The words of a version, with the reading methods of `rag.index.storage.lexical.TantivyStore`."""

    def __init__(self, count: int, stemmer: str, read_counts: ReadCounts, rank: Rank) -> None:
        """Use the functions of a server for the `count` passages of a version."""
        self._count, self._stemmer, self._language = count, stemmer, TantivyStore(None, stemmer)
        self._read_counts, self._rank = read_counts, rank
        self._cached_counts: dict[str, WordCounts] = {}

    def __len__(self) -> int:
        """Return the number of rows that the manifest gives."""
        return self._count

    def search(self, query: str, k: int, among: "Ints1d | None" = None) -> "Ranking":
        """Return the k best rows, best first, ties in order of row."""
        if k < 1 or (among is not None and not len(among)):
            return []
        corrections = [word for near in self.corrections(query).values() for word in near]
        text = " ".join([*searched_words(self.words(query), self._stemmer), *corrections])
        language = self.language_of(query)
        stems = self.terms(text, "")
        stems += [stem for stem in self.terms(text, language) if stem not in stems] if language else []
        words = self.words(text)
        if not stems:
            return []
        return self._rank(SearchedWords(stems, words, self.counts([*stems, *words])), min(k, self._count), among)

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
        counts = self.counts([term])[term]
        return max(counts[STEMS], counts[HEADING])

    def corrections(self, query: str) -> dict[str, tuple[str, ...]]:
        """Return the corrections of each word of the query that no row has; see `TantivyStore.corrections`."""
        query_words = dict.fromkeys(searched_words(self.words(query), self._stemmer))
        language = self.language_of(query)
        stems = {word: self.terms(word, language) for word in query_words}
        counts = self.counts({*query_words, *(stem for terms in stems.values() for stem in terms)})
        unknown = [
            word for word in query_words
            if may_be_misspelt(word) and not counts[word][PLAIN]
            and not any(max(counts[stem][STEMS], counts[stem][HEADING]) for stem in stems[word])
        ]  # fmt: skip
        near = {word: one_edit_away(word) for word in unknown}
        counts = self.counts({other for others in near.values() for other in others})
        rows = {word: counts[word][PLAIN] or counts[word][HEADING] for word in counts}
        return {word: best for word in unknown if (best := most_frequent({other: rows[other] for other in near[word]}))}

    def counts(self, words: Iterable[str]) -> dict[str, WordCounts]:
        """Return the counts of words, read once each."""
        all_words = list(words)
        unread = sorted({word for word in all_words if word not in self._cached_counts})
        if unread:
            counts = self._read_counts(unread)
            self._cached_counts.update((word, counts.get(word, NEVER)) for word in unread)
        return {word: self._cached_counts[word] for word in all_words}
