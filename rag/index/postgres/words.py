"""Ranks passages by BM25 in PostgreSQL, as tantivy does for an index in a folder.

PostgreSQL's own ranking does not know how rare a word is. So the full text index finds the passages, and BM25 is
computed from the number of occurrences, the lengths and the counts of `vocabulary`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rag.index.postgres.documents import Visible
from rag.index.postgres.session import TOKENS, WriteSession
from rag.index.postgres.values import MAX_KEYS, key_batches, multirange
from rag.index.server_words import HEADING, NEVER, PLAIN, STEMS, SearchedWords, ServerWords, WordCounts
from rag.index.storage.lexical import FIELD_WEIGHTS, TantivyStore

if TYPE_CHECKING:
    from rag.core.protocols import Ints1d, Ranking

K1, B = 1.2, 0.75
_single = np.float32
SPARE_CANDIDATES = 10
"""The server computes in double precision, so some more than k passages are scored again."""
MAX_RANKED_PASSAGES = 5_000
"""If more passages have a word of the query, only those with its rarer words are ranked."""


class _Field(NamedTuple):
    column: str
    length: str
    position: int
    weight: float


FIELDS = (
    _Field("stems", "stem_tokens", STEMS, FIELD_WEIGHTS["stems"]),
    _Field("words", "word_tokens", PLAIN, FIELD_WEIGHTS["words"]),
    _Field("heading_stems", "heading_tokens", HEADING, FIELD_WEIGHTS["heading_stems"]),
)


class _Term(NamedTuple):
    field: _Field
    word: str
    passages: int
    weight: Any


class PostgresRanking:
    """Ranks the passages of one version."""

    def __init__(
        self, rows: Callable[[str, Sequence[Any]], list[Any]], visible: Visible, count: int, tokens: Mapping[str, int]
    ) -> None:
        """Read by `rows` the `count` visible passages, whose fields have `tokens` words altogether."""
        self._rows, self._visible, self._count, self._tokens = rows, visible, count, tokens

    def words(self, stemmer: str) -> ServerWords:
        """Return the words of the version."""
        return ServerWords(self._count, stemmer, self.counts, self.rank)

    def counts(self, words: Sequence[str]) -> dict[str, WordCounts]:
        """Return the counts of those words that passages have."""
        query = "SELECT word, stems, words, heading_stems FROM vocabulary w WHERE word = ANY(%s) AND"
        rows = self._rows(f"{query} {self._visible.of('w')}", (list(words),))
        return {word: (stems, plain, heading) for word, stems, plain, heading in rows}

    def rank(self, query: SearchedWords, k: int, among: "Ints1d | None") -> "Ranking":
        """Return the k best rows, best first, ties in order of row."""
        terms = self._terms(query)
        if not terms:
            return []
        candidates, values = _candidates(terms)
        condition = f"({candidates}) AND {self._visible.of('p')}"
        if among is not None and len(among) <= MAX_KEYS:
            condition, values = f"{condition} AND p.id = ANY(%s)", [*values, among.tolist()]
        elif among is not None:
            condition, values = f"{condition} AND p.id <@ %s::int8multirange", [*values, multirange(among)]
        occurrences = (f"occurrences(w.{term.field.column}, %s::tsquery) AS n{i}" for i, term in enumerate(terms))
        lengths = (f"rounded_length(w.{field.length}) AS {field.length}" for field in FIELDS)
        scores = " + ".join(self._score(f"n{i}", term) for i, term in enumerate(terms))
        rows = self._rows(
            f"SELECT * FROM (SELECT p.id, {', '.join((*lengths, *occurrences))} FROM words w"
            # Without OFFSET the server would count the occurrences once for each of their uses.
            f" JOIN passages p ON p.id = w.passage WHERE {condition} OFFSET 0) AS c"
            f" ORDER BY {scores} DESC, id LIMIT %s",
            (*(quoted_word(term.word) for term in terms), *values, k + SPARE_CANDIDATES),
        )
        ranking = [(row, self._exact(terms, lengths, counts)) for row, lengths, counts in map(_parts, rows)]
        return sorted(ranking, key=lambda item: (-item[1], item[0]))[:k]

    def _terms(self, query: SearchedWords) -> list[_Term]:
        terms = []
        for field in FIELDS:
            for word in query.words if field.position == PLAIN else query.stems:
                if count := query.counts[word][field.position]:
                    terms.append(_Term(field, word, count, self._weight(count) * _single(field.weight)))
        return terms

    def _weight(self, count: int) -> Any:
        # In single precision, step by step like tantivy, so that the last digit is the same.
        rarity = np.log(_single(1) + (_single(self._count - count) + _single(0.5)) / (_single(count) + _single(0.5)))
        return rarity * (_single(1) + _single(K1))

    def _norm(self, field: _Field, length: int) -> Any:
        mean = _single(self._tokens[field.length]) / _single(self._count)
        return _single(K1) * (_single(1) - _single(B) + _single(B) * _single(length) / mean)

    def _exact(self, terms: Sequence[_Term], lengths: Mapping[str, int], counts: Sequence[int]) -> float:
        score = _single(0)
        for term, count in zip(terms, counts, strict=True):
            if count:
                norm = self._norm(term.field, lengths[term.field.length])
                score += term.weight * (_single(count) / (_single(count) + norm))
        return float(score)

    def _score(self, count: str, term: _Term) -> str:
        share = K1 * B / (self._tokens[term.field.length] / self._count)
        norm = f"{K1 * (1 - B)!r}::float8 + {share!r}::float8 * {term.field.length}"
        return f"{float(term.weight)!r}::float8 * {count} / ({count} + {norm})"


def _parts(row: Sequence[int]) -> tuple[int, dict[str, int], Sequence[int]]:
    """Return the row number, the lengths of the fields, and the occurrences of the terms."""
    names = [field.length for field in FIELDS]
    return row[0], dict(zip(names, row[1 : 1 + len(names)], strict=True)), row[1 + len(names) :]


def _candidates(terms: Sequence[_Term]) -> tuple[str, list[Any]]:
    """Return the condition that a passage has one of the terms, the rarest first up to `MAX_RANKED_PASSAGES`."""
    words: dict[str, list[str]] = {}
    total = 0
    for term in sorted(terms, key=lambda term: term.passages):
        total += term.passages
        if words and total > MAX_RANKED_PASSAGES:
            break
        words.setdefault(term.field.column, []).append(quoted_word(term.word))
    return " OR ".join(f"w.{column} @@ %s::tsquery" for column in words), [" | ".join(own) for own in words.values()]


def quoted_word(word: str) -> str:
    """Return a word as tsquery and tsvector read it.

    >>> print(quoted_word("rivers"), quoted_word("it's"))
    'rivers' 'it''s'
    """
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


def sql_words(words: Sequence[str]) -> str:
    """Return the words of a text as a tsvector, each with its positions."""
    positions: dict[str, list[str]] = {}
    for position, word in enumerate(words, 1):
        positions.setdefault(word, []).append(str(position))
    return " ".join(f"{quoted_word(word)}:{','.join(own)}" for word, own in positions.items())


class NewPostgresWords:
    """The words of the version that is being written, with the counts of the vocabulary."""

    def __init__(self, session: WriteSession, stemmer: str) -> None:
        """Write in the transaction of the session."""
        self._session, self._language = session, TantivyStore(None, stemmer)
        self._changes = (Counter[str](), Counter[str](), Counter[str]())

    def add(self, rows: Sequence[int], texts: Sequence[str], headings: Sequence[str]) -> None:
        """Add new rows: the passage, and the title and headings above it."""
        records = []
        for row, text, heading in zip(rows, texts, headings, strict=True):
            own = self._language.language_of(text)
            fields = self._language.terms(text, own), self._language.words(text), self._language.terms(heading, own)
            for changes, words, name in zip(self._changes, fields, TOKENS, strict=True):
                changes.update({*words})
                self._session.counts[name] += len(words)
            records.append((row, *map(sql_words, fields), *map(len, fields)))
        self._session.copy("words", f"passage, stems, words, heading_stems, {', '.join(TOKENS)}", records)

    def remove(self, rows: Sequence[int]) -> None:
        """Take rows out of the counts. The rows themselves are purged with their passages."""
        for batch in key_batches(rows):
            for changes, column in zip(self._changes, ("stems", "words", "heading_stems"), strict=True):
                query = (
                    f"SELECT word, count(*) FROM words w, unnest(tsvector_to_array(w.{column})) word"
                    " WHERE passage = ANY(%s) GROUP BY word"
                )
                changes.subtract(dict(self._session.rows(query, (list(batch),))))
            sums = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in TOKENS)
            (totals,) = self._session.rows(f"SELECT {sums} FROM words WHERE passage = ANY(%s)", (list(batch),))
            for name, total in zip(TOKENS, totals, strict=True):
                self._session.counts[name] -= total

    def commit(self) -> None:
        """Write the counts that have changed."""
        changes = self._changed_counts()
        self._changes = (Counter(), Counter(), Counter())
        session = self._session
        session.rows(
            'CREATE TEMP TABLE word_changes (word text COLLATE "C", stems int, words int, heading_stems int)'
            " ON COMMIT DROP"
        )
        session.copy("word_changes", "word, stems, words, heading_stems",
                     [(word, *counts) for word, counts in sorted(changes.items())])  # fmt: skip
        sums = ", ".join(f"c.{name} + coalesce(o.{name}, 0)" for name in ("stems", "words", "heading_stems"))
        session.rows(
            "WITH o AS (UPDATE vocabulary v SET removed_in = %s FROM word_changes c WHERE v.word = c.word"
            " AND v.removed_in IS NULL RETURNING v.*)"
            " INSERT INTO vocabulary (word, stems, words, heading_stems, added_in)"
            f" SELECT c.word, {sums}, %s FROM word_changes c LEFT JOIN o ON o.word = c.word"
            f" WHERE greatest({sums}) > 0",
            (session.version, session.version),
        )

    def _changed_counts(self) -> dict[str, WordCounts]:
        stems, words, headings = self._changes
        all_words = {*stems, *words, *headings}
        counts = {word: (stems[word], words[word], headings[word]) for word in all_words}
        return {word: own for word, own in counts.items() if own != NEVER}
