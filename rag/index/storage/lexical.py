"""Finds passages by their words: BM25 (k1 = 1.2, b = 0.75) on tantivy, stemmed words beside unstemmed ones.

Three fields of a row are scored: the stems of the passage, its words, and the stems of its title and headings. Words
are lower-cased and lose their accents. Scripts without spaces are searched by single characters. If no row has a word
of the query, the words of the index that are one edit away are searched, because the word may be misspelt.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.core.errors import IndexCorrupt, InvalidSettings
from rag.core.text.hyphenation import unhyphenated
from rag.core.text.signed_words import signed, spelled
from rag.core.text.stopwords import STOPWORDS, UNSPACED, foreign_language, foreign_stopwords
from rag.index.storage.remedies import REPAIR
from rag.index.storage.stable_files import GuardedFiles, stable_folder

if TYPE_CHECKING:
    from rag.core.protocols import Ints1d, Ranking

MIN_CORRECTED_LETTERS, MAX_CORRECTIONS = 5, 3
ALPHABETS = tuple(map(frozenset, (
    "abcdefghijklmnopqrstuvwxyz", "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґ", "αβγδεζηθικλμνξοπρσςτυφχψω"
)))  # fmt: skip
FIELD_WEIGHTS = {"stems": 1.0, "words": 0.3, "heading_stems": 1.0}
HEAP_BYTES = 64_000_000
MAX_WORD_BYTES = 80
MIN_ROWS_PER_ALLOWED = 10
"""Up to 1 row in 10, the allowed rows are part of the query; beyond, hits of a deeper search are filtered.

With 1,000 of 100,000 rows the first way takes 8 ms and the second 30 ms; with 50,000 rows 39 ms and 3 ms."""
STEMMERS = (
    "arabic", "danish", "dutch", "english", "finnish", "french", "german", "greek", "hungarian", "italian",
    "norwegian", "portuguese", "romanian", "russian", "spanish", "swedish", "tamil", "turkish",
)  # fmt: skip


class TantivyStore:
    """A tantivy index in a folder, or in memory if no folder is given."""

    def __init__(self, folder: Path | None = None, stemmer: str = "english", files: GuardedFiles | None = None) -> None:
        """Open the index in `folder` for writing, or create it. Raises IndexCorrupt if its files cannot be read.

        `files` are mapped into memory and must not change; see `open`.
        """
        import tantivy

        self._files = files or GuardedFiles()
        self._schema, self._stemmer = _schema(), stemmer
        try:
            self._index = tantivy.Index(self._schema, None if folder is None else str(folder))
            # Otherwise a thread of tantivy opens changed files that nobody has checked.
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
        # tantivy starts a thread that reads the files once more, at any time. If one of them were cut by then, the
        # process would end.
        try:
            with stable_folder(folder) as (stable, files):
                return cls(stable, stemmer, files)
        except OSError as error:
            raise IndexCorrupt(f"{folder} is not a readable lexical index.", REPAIR) from error

    def __len__(self) -> int:
        """Return the number of rows at the last commit."""
        return int(self._searcher.num_docs)

    def add(self, rows: Sequence[int], texts: Sequence[str], headings: Sequence[str]) -> None:
        """Add new rows: the passage, and the title and headings above it."""
        import tantivy

        for row, text, heading in zip(rows, texts, headings, strict=True):
            language = self.language_of(text)
            text, heading = _spaced(text), _spaced(heading)
            stems, heading = self._own_stems(text, language), self._own_stems(heading, language)
            entry = tantivy.Document(stems=[stems], words=[text], heading_stems=[heading])
            entry.add_integer("row", row)
            self._open_writer().add_document(entry)

    def remove(self, rows: Sequence[int]) -> None:
        """Remove rows. Rows that do not exist are ignored."""
        for row in rows:
            self._open_writer().delete_documents_by_term("row", row)

    def commit(self) -> None:
        """Make changes durable and visible, and wait until no thread is writing."""
        if self._writer is None:
            return
        try:
            self._writer.commit()
            self._writer.wait_merging_threads()
        except ValueError as error:
            # tantivy raises one exception for all faults; here only the disk can be the cause.
            raise OSError(str(error)) from error
        self._writer = None
        self._index.reload()
        self._searcher = self._index.searcher()

    def search(self, query: str, k: int, among: "Ints1d | None" = None) -> "Ranking":
        """Return the k best rows, best first, ties in order of row; a row must share a word with the query.

        If `among` is given, only its rows are returned. The weight of a word still comes from all rows.
        """
        self._files.require_unchanged()
        parts = self._parts(query)
        if not parts or k < 1 or (among is not None and not len(among)):
            return []
        if among is None:
            ranking = self._ranked(parts, k)
        elif len(among) * MIN_ROWS_PER_ALLOWED <= len(self):
            ranking = self._ranked(parts, k, among.tolist())
        else:
            ranking = self._ranked_among(parts, k, among)
        return sorted(ranking, key=lambda item: (-item[1], item[0]))

    def _parts(self, query: str) -> list[Any]:
        import tantivy

        language, corrections = self.language_of(query), self.corrections(query).values()
        query = " ".join([*self._searched(query), *(word for words in corrections for word in words)])
        parts = []
        # Passages too short to tell their language, and those of older indexes, have English stems.
        stems = self.terms(query, "")
        stems += [stem for stem in self.terms(query, language) if stem not in stems] if language else []
        for field, weight in FIELD_WEIGHTS.items():
            for word in self.words(query) if field == "words" else stems:
                term = tantivy.Query.term_query(self._schema, field, word)
                parts.append((tantivy.Occur.Should, tantivy.Query.boost_query(term, weight)))
        return parts

    def _ranked(self, parts: Sequence[Any], k: int, among: Sequence[int] | None = None) -> "Ranking":
        import tantivy

        query = tantivy.Query.boolean_query(parts)
        if among is not None:
            # Its weight is 0, so that only the words score.
            row_filter = tantivy.Query.boost_query(tantivy.Query.term_set_query(self._schema, "row", among), 0.0)
            query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, row_filter)])
        hits = self._searcher.search(query, k, count=False).hits
        rows = self._searcher.fast_field_values("row", [address for _, address in hits])
        return [(int(row or 0), float(score)) for row, (score, _) in zip(rows, hits, strict=True)]

    def _ranked_among(self, parts: Sequence[Any], k: int, among: "Ints1d") -> "Ranking":
        """Return the result of `_ranked` sooner if many rows are allowed: search deeper until k hits are allowed."""
        depth, rows = k, np.sort(among)
        while True:
            ranking = self._ranked(parts, depth)
            positions = np.searchsorted(rows, [row for row, _ in ranking])
            allowed = [hit for hit, i in zip(ranking, positions, strict=True) if i < len(rows) and rows[i] == hit[0]]
            if len(allowed) >= k or len(ranking) < depth:
                return allowed[:k]
            depth *= 4

    def language_of(self, text: str) -> str:
        """Return the language whose stemmer a text gets before that of the index, empty if it gets none."""
        return foreign_language(self.words(text)) if self._stemmer == "english" else ""

    def terms(self, text: str, language: str | None = None) -> list[str]:
        """Return the stemmed words of a text in order, with repetitions. These are searched.

        `language` is one of `language_of`; if it is None, the text's own.
        """
        language = self.language_of(text) if language is None else language
        return list(self._analyzer.analyze(self._own_stems(_spaced(text), language)))

    def _own_stems(self, text: str, language: str) -> str:
        """Return the words of a text stemmed in its language; the analyzer of the field stems them once more."""
        return " ".join(_own_analyzer(language).analyze(text)) if language else text

    def words(self, text: str) -> list[str]:
        """Return the words of a text, lower-cased and without accents but not stemmed."""
        return list(self._plain.analyze(_spaced(text)))

    def words_as_written(self, text: str) -> list[str]:
        """Return the words of a text unchanged, one for each of `words`."""
        return [signed(word) for word in self._as_written.analyze(_spaced(text))]

    def corrections(self, query: str) -> dict[str, tuple[str, ...]]:
        """Return the corrections of each word of the query that no row has: words of the index that are one edit away.

        An edit inserts, deletes or changes a letter after the first, or swaps two neighbours. Only words of at least
        five letters are corrected, never figures. A word has at most three corrections, the most frequent first.
        """
        self._files.require_unchanged()
        language = self.language_of(query)
        query_words = dict.fromkeys(self._searched(query))
        corrections = {word: self._near(word) for word in query_words if self._is_unknown(word, language)}
        return {word: near for word, near in corrections.items() if near}

    def _is_unknown(self, word: str, language: str) -> bool:
        if self._searcher.doc_freq("words", word) or any(map(self.document_frequency, self.terms(word, language))):
            return False
        return may_be_misspelt(word)

    def _near(self, word: str) -> tuple[str, ...]:
        return most_frequent({near: self._rows_with(near) for near in one_edit_away(word)})

    def _rows_with(self, word: str) -> int:
        # Words of titles and headings are stored only as stems.
        return int(self._searcher.doc_freq("words", word) or self._searcher.doc_freq("heading_stems", word))

    def document_frequency(self, term: str) -> int:
        """Return the number of rows whose passage or headings have a term of `terms`."""
        self._files.require_unchanged()
        return max(int(self._searcher.doc_freq(field, term)) for field in ("stems", "heading_stems"))

    def _searched(self, query: str) -> list[str]:
        return searched_words(self.words(query), self._stemmer)

    def _open_writer(self) -> Any:
        if self._writer is None:
            # With more threads, chance decides the segment of a row, and with it the last digit of scores.
            self._writer = self._index.writer(HEAP_BYTES, num_threads=1)
        return self._writer


def analyzer(stemmer: str) -> Any:
    """Return a tantivy analyzer: words, lower case, accents folded, stems of `stemmer` (`none`: no stems)."""
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    if stemmer != "none" and stemmer not in STEMMERS:
        raise InvalidSettings(f"No stemmer {stemmer!r}.", f"Known: none, {', '.join(STEMMERS)}.")
    # Accents are removed before stemming. Otherwise `Beyonce` is cut to `beyonc` but `Beyoncé` is not.
    builder = TextAnalyzerBuilder(Tokenizer.simple()).filter(_short_words()).filter(Filter.lowercase())
    builder = builder.filter(Filter.ascii_fold())
    if stemmer != "none":
        builder = builder.filter(Filter.stemmer(stemmer))
    return builder.build()


@cache
def _own_analyzer(language: str) -> Any:
    """Return an analyzer that stems before accents are removed, because accents tell endings apart: `-ación`."""
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    builder = TextAnalyzerBuilder(Tokenizer.simple()).filter(_short_words()).filter(Filter.lowercase())
    return builder.filter(Filter.stemmer(language)).filter(Filter.ascii_fold()).build()


def searched_words(words: Sequence[str], stemmer: str) -> list[str]:
    """Return the words of a query that are searched: all but the stop words of its language, or all if none is left."""
    # Recall@1 of BM25 on 2,956 questions of SQuAD 2: .828 with stop words, .836 without.
    if stemmer != "english":
        return list(words)
    foreign = foreign_stopwords(words) if foreign_language(words) else frozenset()
    return [word for word in words if word not in STOPWORDS and word not in foreign] or list(words)


def may_be_misspelt(word: str) -> bool:
    """Tell whether a word is corrected if no row has it."""
    return len(word) >= MIN_CORRECTED_LETTERS and word.isalpha()


def most_frequent(counts: Mapping[str, int]) -> tuple[str, ...]:
    """Return the words with the highest row counts, at most MAX_CORRECTIONS."""
    best = sorted((word for word, count in counts.items() if count), key=lambda word: (-counts[word], word))
    return tuple(best[:MAX_CORRECTIONS])


def one_edit_away(word: str) -> set[str]:
    """Return the words that are one edit away from a word (`TantivyStore.corrections`)."""
    letters = next((alphabet for alphabet in ALPHABETS if word[1] in alphabet), frozenset())
    positions = range(1, len(word))
    deletions = {word[:i] + word[i + 1 :] for i in positions}
    swaps = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in positions[:-1]}
    changes = {word[:i] + letter + word[i + 1 :] for i in positions for letter in letters}
    insertions = {word[:i] + letter + word[i:] for i in (*positions, len(word)) for letter in letters}
    return (deletions | swaps | changes | insertions) - {word}


def _short_words() -> Any:
    from tantivy import Filter

    return Filter.remove_long(MAX_WORD_BYTES)


def _spaced(text: str) -> str:
    # Each character of a script without spaces becomes a word, and C++ another word than C. The stored text does not
    # change.
    return UNSPACED.sub(r" \1 ", spelled(unhyphenated(text)))


def _schema() -> Any:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("row", stored=False, indexed=True, fast=True)
    builder.add_text_field("stems", tokenizer_name="stems", index_option="freq")
    builder.add_text_field("words", tokenizer_name="words", index_option="freq")
    builder.add_text_field("heading_stems", tokenizer_name="stems", index_option="freq")
    return builder.build()
