"""The time to read a file grows in proportion to its size: four times as much takes at most six times as long."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from rag.core.types import Document
from rag.loading import Source, load
from tests.fuzz.growth import MARKS, MAX_RATIO, growth, long_word_pdf, repetitions, wide_sheet

pytestmark = pytest.mark.thorough

SUSPECTS: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "html-declarations": (".html", lambda n: b"<html><body><p>a" + b"<?xml " * n + b"</p></body></html>"),
    "html-spaces": (".html", lambda n: b"<html><body><p>Hello" + b" " * (4 * n) + b"world</p></body></html>"),
    "html-attributes": (".html", lambda n: b"<p " + b" ".join(b"a%d=1" % i for i in range(n)) + b">Hello</p>"),
    "rtf-info": (".rtf", lambda n: b"{\\rtf1 a " + b"{\\info a}" * n + b" b}"),
    "pdf-word": (".pdf", lambda n: long_word_pdf(2 * n)),
    "xlsx-empty-rows": (".xlsx", lambda n: wide_sheet(8 * n)),
    "mail-addresses": (".eml", lambda n: b"From: " + b"<a@b>, " * n + b"\n\nbody"),
    "mbox-digits": (".mbox", lambda n: b"From " + b"1" * n),
    "mail-encoded-words": (".eml", lambda n: b"From: " + b"=?utf-8?q?a?= " * n + b"\n\nbody"),
}


@pytest.mark.parametrize("name", SUSPECTS)
def test_four_times_as_much_takes_at_most_six_times_as_long(name: str) -> None:
    suffix, make = SUSPECTS[name]
    assert growth(suffix, make, 5_000) <= MAX_RATIO


@pytest.mark.parametrize("suffix", MARKS)
def test_no_mark_of_a_format_repeated_takes_more_than_its_share(suffix: str) -> None:
    steep = [item for item in islice(repetitions(suffix, 1), 12) if growth(suffix, item.data, 10_000) > MAX_RATIO]
    assert steep == []


def test_text_below_many_empty_rows_of_a_sheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(wide_sheet(150_000))
    (document,) = load(Source(path, "a.xlsx"))
    assert isinstance(document, Document) and document.text.endswith("The tug is called Marlin.")
