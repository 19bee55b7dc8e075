"""Compares an answer with gold answers by the rules of SQuAD: exact match and F1 over normalised words.

Source: Rajpurkar et al. 2016 and 2018; the evaluation script of SQuAD 2.0, where two empty answers are equal.
"""

import re
import string
from collections import Counter
from collections.abc import Iterable

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised(text: str) -> str:
    """Return `text` in lower case without ASCII punctuation, articles and repeated blanks.

    >>> normalised("The  Normans, (a people)")
    'normans people'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def exact_match(answer: str, references: Iterable[str]) -> float:
    """Return 1.0 if the normalised answer equals a reference, else 0.0. No reference means the reference ""."""
    return float(any(normalised(answer) == normalised(reference) for reference in _or_empty(references)))


def f1(answer: str, references: Iterable[str]) -> float:
    """Return the best F1 of the answer's words against one reference. No reference means the reference "".

    If both have no word, the result is 1.0. "in the year 1066" against "1066": precision 1/3, recall 1, F1 1/2.
    """
    return max(_f1(normalised(answer).split(), normalised(reference).split()) for reference in _or_empty(references))


def _or_empty(references: Iterable[str]) -> list[str]:
    return list(references) or [""]


def _f1(answer: list[str], reference: list[str]) -> float:
    if not answer or not reference:
        return float(answer == reference)
    shared = sum((Counter(answer) & Counter(reference)).values())
    return 2 * shared / (len(answer) + len(reference))
