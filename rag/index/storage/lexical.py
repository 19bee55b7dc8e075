"""Finds passages by their words: BM25 (k1 = 1.2, b = 0.75) on tantivy, stemmed words beside unstemmed ones.

A row is scored over four fields: the passage stemmed and as it is, and what stands above it (title, headings) alike.
Words are lower-cased and freed of accents; scripts written without spaces are searched by single characters. A word of
the query that no row has is searched as the words that are one edit away from it, as a misspelt name is.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.core.errors import IndexCorrupt, InvalidSettings
from rag.core.stopwords import STOPWORDS, UNSPACED
from rag.index.storage.remedies import REPAIR
from rag.index.storage.stable_files import GuardedFiles, stable_folder

if TYPE_CHECKING:
    from rag.core.protocols import Ints1d, Ranking

SHORTEST_CORRECTED, MOST_CORRECTIONS = 5, 3
ALPHABETS = tuple(map(frozenset, (
    "abcdefghijklmnopqrstuvwxyz", "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґ", "αβγδεζηθικλμνξοπρσςτυφχψω"
)))  # fmt: skip
FIELD_WEIGHTS = {"stems": 1.0, "words": 0.3, "heading_stems": 1.0}
HEAP_BYTES = 64_000_000
LONGEST_WORD = 80
FEW_SHARE = 10
"""Of rows that are at most 1 in 10 the index is told. Of 100,000 rows 1,000 take 8 ms so and 30 ms by looking on,
50,000 take 39 ms and 3 ms."""
STEMMERS = (
    "arabic", "danish", "dutch", "english", "finnish", "french", "german", "greek", "hungarian", "italian",
    "norwegian", "portuguese", "romanian", "russian", "spanish", "swedish", "tamil", "turkish",
)  # fmt: skip


class TantivyStore:
    """A tantivy index in a folder; without one it lives in memory."""

    def __init__(self, folder: Path | None = None, stemmer: str = "english", files: GuardedFiles | None = None) -> None:
        """Open the index in `folder` for writing, or make one. Raises IndexCorrupt if its files cannot be read.

        `files` are those that are mapped into memory and must not change; see `open`.
        """
        import tantivy

        self._files = files or GuardedFiles()
        self._schema, self._stemmer = _schema(), stemmer
        try:
            self._index = tantivy.Index(self._schema, None if folder is None else str(folder))
            # Else a thread of tantivy's own opens, whenever the files change, what nobody has checked.
            self._index.config_reader(reload_policy="manual")
        except ValueError as error:
            raise IndexCorrupt(f"{folder} is not a readable lexical index.", REPAIR) from error
        self._analyzer, self._plain = analyzer(stemmer), analyzer("none")
        self._as_written = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()).filter(_short_words()).build()
        self._index.register_tokenizer("stems", self._analyzer)
        self._index.register_tokenizer("words", self._plain)
        self._writer: Any = None
        self._searcher = self._index.searcher()

    @classmethod
    def open(cls, folder: Path, stemmer: str) -> "TantivyStore":
        """Open a finished index for searching. Raises IndexCorrupt if its files cannot be read."""
        # tantivy starts a thread that reads the files once more, at a time of its own choice. It must meet files that
        # nobody can cut under it, because that would end the process.
        try:
            with stable_folder(folder) as (stable, files):
                return cls(stable, stemmer, files)
        except OSError as error:
            raise IndexCorrupt(f"{folder} is not a readable lexical index.", REPAIR) from error

    def __len__(self) -> int:
        """Return the number of rows held at the last commit."""
        return int(self._searcher.num_docs)

    def add(self, rows: Sequence[int], texts: Sequence[str], headings: Sequence[str]) -> None:
        """Take new rows: the passage, and the title and headings above it."""
        import tantivy

        for row, text, heading in zip(rows, texts, headings, strict=True):
            text, heading = _spaced(text), _spaced(heading)
            entry = tantivy.Document(stems=[text], words=[text], heading_stems=[heading])
            entry.add_integer("row", row)
            self._open_writer().add_document(entry)

    def remove(self, rows: Sequence[int]) -> None:
        """Drop rows; one that is not held is passed over."""
        for row in rows:
            self._open_writer().delete_documents_by_term("row", row)

    def commit(self) -> None:
        """Make changes durable and visible, and wait until no thread writes any more."""
        if self._writer is None:
            return
        try:
            self._writer.commit()
            self._writer.wait_merging_threads()
        except ValueError as error:
            # tantivy has one exception for all; here only the disk can be the cause.
            raise OSError(str(error)) from error
        self._writer = None
        self._index.reload()
        self._searcher = self._index.searcher()

    def search(self, query: str, k: int, among: "Ints1d | None" = None) -> "Ranking":
        """Return the k best rows, best first, ties in order of row; a row must share a word with the query.

        Only rows of `among` are looked at, where it is given; words are weighed by all rows all the same.
        """
        self._files.require_unchanged()
        parts = self._parts(query)
        if not parts or k < 1 or (among is not None and not len(among)):
            return []
        if among is None:
            ranking = self._found(parts, k)
        elif len(among) * FEW_SHARE <= len(self):
            ranking = self._found(parts, k, among.tolist())
        else:
            ranking = self._found_among(parts, k, among)
        return sorted(ranking, key=lambda item: (-item[1], item[0]))

    def _parts(self, query: str) -> list[Any]:
        import tantivy

        corrected = self.corrections(query).values()
        query = " ".join([*self._searched(query), *(word for found in corrected for word in found)])
        parts = []
        for field, weight in FIELD_WEIGHTS.items():
            for word in self.words(query) if field == "words" else self.terms(query):
                term = tantivy.Query.term_query(self._schema, field, word)
                parts.append((tantivy.Occur.Should, tantivy.Query.boost_query(term, weight)))
        return parts

    def _found(self, parts: Sequence[Any], k: int, among: Sequence[int] | None = None) -> "Ranking":
        import tantivy

        query = tantivy.Query.boolean_query(parts)
        if among is not None:
            # Weighed with nothing, so that scores are those of the words alone.
            only = tantivy.Query.boost_query(tantivy.Query.term_set_query(self._schema, "row", among), 0.0)
            query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, only)])
        found = self._searcher.search(query, k, count=False).hits
        rows = self._searcher.fast_field_values("row", [address for _, address in found])
        return [(int(row or 0), float(score)) for row, (score, _) in zip(rows, found, strict=True)]

    def _found_among(self, parts: Sequence[Any], k: int, among: "Ints1d") -> "Ranking":
        """Return the same as `_found`, sooner where many rows are among them: looks on until there are k."""
        depth, rows = k, np.sort(among)
        while True:
            ranking = self._found(parts, depth)
            places = np.searchsorted(rows, [row for row, _ in ranking])
            kept = [
                item
                for item, place in zip(ranking, places, strict=True)
                if place < len(rows) and rows[place] == item[0]
            ]
            if len(kept) >= k or len(ranking) < depth:
                return kept[:k]
            depth *= 4

    def terms(self, text: str) -> list[str]:
        """Return the stemmed words of a text, as they are searched, in order, repeated ones too."""
        return list(self._analyzer.analyze(_spaced(text)))

    def words(self, text: str) -> list[str]:
        """Return the words of a text as they are, lower-cased, without accents."""
        return list(self._plain.analyze(_spaced(text)))

    def words_as_written(self, text: str) -> list[str]:
        """Return the words of a text untouched, one for each of `words`."""
        return list(self._as_written.analyze(_spaced(text)))

    def corrections(self, query: str) -> dict[str, tuple[str, ...]]:
        """Return for each word of the query that no row has the words of the index that are one edit away from it.

        An edit inserts, drops or changes a letter after the first, or swaps two neighbours. Only words of five letters
        or more and nothing else have any: figures are as they are. At most three each, those in most rows first.
        """
        self._files.require_unchanged()
        found = {word: self._near(word) for word in dict.fromkeys(self._searched(query)) if self._is_unknown(word)}
        return {word: near for word, near in found.items() if near}

    def _is_unknown(self, word: str) -> bool:
        known = self._searcher.doc_freq("words", word) or any(map(self.document_frequency, self.terms(word)))
        return not known and may_be_misspelt(word)

    def _near(self, word: str) -> tuple[str, ...]:
        return most_frequent({near: self._rows_with(near) for near in one_edit_away(word)})

    def _rows_with(self, word: str) -> int:
        # Words of titles and headings are kept as stems alone.
        return int(self._searcher.doc_freq("words", word) or self._searcher.doc_freq("heading_stems", word))

    def document_frequency(self, term: str) -> int:
        """Return in how many rows a term of `terms` occurs, passage and headings taken together."""
        self._files.require_unchanged()
        return max(int(self._searcher.doc_freq(field, term)) for field in ("stems", "heading_stems"))

    def _searched(self, query: str) -> list[str]:
        return searched(self.words(query), self._stemmer)

    def _open_writer(self) -> Any:
        if self._writer is None:
            # One thread: with more, which row lands in which segment is chance, and with it the last digit of scores.
            self._writer = self._index.writer(HEAP_BYTES, num_threads=1)
        return self._writer


def analyzer(stemmer: str) -> Any:
    """Return a tantivy analyzer: words, lower case, accents folded, stems of `stemmer` (`none`: as they are)."""
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    if stemmer != "none" and stemmer not in STEMMERS:
        raise InvalidSettings(f"No stemmer {stemmer!r}.", f"Known: none, {', '.join(STEMMERS)}.")
    # Accents go before the stem is taken: else `Beyonce` is cut to `beyonc` and `Beyoncé` is not.
    builder = TextAnalyzerBuilder(Tokenizer.simple()).filter(_short_words()).filter(Filter.lowercase())
    builder = builder.filter(Filter.ascii_fold())
    if stemmer != "none":
        builder = builder.filter(Filter.stemmer(stemmer))
    return builder.build()


def searched(words: Sequence[str], stemmer: str) -> list[str]:
    """Return the words of a query that are searched."""
    # Measured on 2,956 questions of SQuAD 2: recall@1 of BM25 .828 with function words, .836 without.
    kept = [word for word in words if word not in STOPWORDS] if stemmer == "english" else []
    return kept or list(words)


def may_be_misspelt(word: str) -> bool:
    """Tell whether a word that no row has is searched as the words near it."""
    return len(word) >= SHORTEST_CORRECTED and word.isalpha()


def most_frequent(counts: Mapping[str, int]) -> tuple[str, ...]:
    """Return the words that are in most rows, at most as many as a word is corrected to."""
    best = sorted((word for word, count in counts.items() if count), key=lambda word: (-counts[word], word))
    return tuple(best[:MOST_CORRECTIONS])


def one_edit_away(word: str) -> set[str]:
    """Return the words that one edit makes of a word (`TantivyStore.corrections`)."""
    letters = next((alphabet for alphabet in ALPHABETS if word[1] in alphabet), frozenset())
    places = range(1, len(word))
    dropped = {word[:place] + word[place + 1 :] for place in places}
    swapped = {word[:place] + word[place + 1] + word[place] + word[place + 2 :] for place in places[:-1]}
    changed = {word[:place] + letter + word[place + 1 :] for place in places for letter in letters}
    inserted = {word[:place] + letter + word[place:] for place in (*places, len(word)) for letter in letters}
    return (dropped | swapped | changed | inserted) - {word}


def _short_words() -> Any:
    from tantivy import Filter

    return Filter.remove_long(LONGEST_WORD)


def _spaced(text: str) -> str:
    # A private copy: characters of scripts without spaces become words of their own.
    return UNSPACED.sub(r" \1 ", text)


def _schema() -> Any:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("row", stored=False, indexed=True, fast=True)
    builder.add_text_field("stems", tokenizer_name="stems", index_option="freq")
    builder.add_text_field("words", tokenizer_name="words", index_option="freq")
    builder.add_text_field("heading_stems", tokenizer_name="stems", index_option="freq")
    return builder.build()
