"""Every text of a message is read, whichever part it stands in and however its parts are named."""

from pathlib import Path

import pytest

from rag.core.errors import LoadError
from rag.core.types import Document
from rag.loading import Source, load

HEAD = "From: Ann <ann@example.org>\nSubject: Plans\nMIME-Version: 1.0\n"
FACT = "The ferry leaves at noon."


def read(tmp_path: Path, message: str | bytes) -> list[Document | LoadError]:
    path = tmp_path / "m.eml"
    path.write_bytes(message.encode() if isinstance(message, str) else message)
    return list(load(Source(path, "m.eml")))


def text_of(tmp_path: Path, message: str | bytes) -> str:
    return "\n".join(item.text for item in read(tmp_path, message) if isinstance(item, Document))


def multipart(kind: str, *parts: str, boundary: str = '"b"', line: str = "b") -> str:
    body = "".join(f"--{line}\n{part}\n" for part in parts)
    return f"{HEAD}Content-Type: multipart/{kind}; boundary={boundary}\n\n{body}--{line}--\n"


PLAIN, HTML = "Content-Type: text/plain\n\n", "Content-Type: text/html\n\n"


@pytest.mark.parametrize("plain", ["", " \n\n", "Your program cannot show this letter."])
def test_a_blank_or_stub_text_gives_way_to_the_full_html(plain: str, tmp_path: Path) -> None:
    assert FACT in text_of(tmp_path, multipart("alternative", PLAIN + plain, f"{HTML}<p>{FACT}</p>"))


def test_two_alternatives_that_say_the_same_are_read_once(tmp_path: Path) -> None:
    text = text_of(tmp_path, multipart("alternative", PLAIN + FACT, f"{HTML}<p>{FACT}</p>"))
    assert text.count(FACT) == 1


def test_two_alternatives_that_say_different_things_are_both_read(tmp_path: Path) -> None:
    terms = "The ferry to Ulm leaves from the north pier at noon on each day but Sunday, and bicycles travel free."
    text = text_of(tmp_path, multipart("alternative", PLAIN + terms, f"{HTML}<p>hello world</p>"))
    assert terms in text and "hello world" in text


def test_an_html_alternative_without_words_does_not_hide_the_text(tmp_path: Path) -> None:
    html = f"{HTML}<html><head><title>Plans of the ferry</title></head><body><img src='a.gif'></body></html>"
    assert FACT in text_of(tmp_path, multipart("alternative", PLAIN + FACT, html))


@pytest.mark.parametrize("boundary", ["=_x=y", "a:b/c", "it's", "(odd)", "two words"])
def test_an_odd_boundary_without_quotes_parts_the_message(boundary: str, tmp_path: Path) -> None:
    message = multipart("mixed", PLAIN + "Dear all,", PLAIN + FACT, boundary=boundary, line=boundary)
    text = text_of(tmp_path, message)
    assert "Dear all," in text and FACT in text and "Content-Type" not in text


@pytest.mark.parametrize("label", ["x-unknown-9", "utf8mb4", "", "us-ascii", "iso-8859-1"])
def test_an_unknown_or_wrong_label_of_the_encoding_loses_nothing(label: str, tmp_path: Path) -> None:
    assert "Fähre" in text_of(tmp_path, f"{HEAD}Content-Type: text/plain; charset={label}\n\nDie Fähre legt ab.")


@pytest.mark.parametrize("before", ["\ufeff", "\n\n", ">From ann Tue Mar  4 10:00:00 2025\n", "From ann Tue Mar 4\n"])
def test_what_stands_before_the_headers_does_not_hide_them(before: str, tmp_path: Path) -> None:
    (document,) = read(tmp_path, f"{before}{HEAD}\n{FACT}")
    assert isinstance(document, Document) and document.title == "Plans" and document.text.endswith(FACT)


def test_a_message_in_utf16_is_read(tmp_path: Path) -> None:
    assert FACT in text_of(tmp_path, f"{HEAD}\n{FACT}".encode("utf-16"))


@pytest.mark.parametrize("kind", ["markdown", "x-markdown", "enriched", "calendar", "x-other"])
def test_a_text_of_any_kind_is_read(kind: str, tmp_path: Path) -> None:
    assert FACT in text_of(tmp_path, f"{HEAD}Content-Type: text/{kind}\n\n{FACT}")


def test_texts_before_and_behind_a_nested_part_are_all_read(tmp_path: Path) -> None:
    inner = 'Content-Type: multipart/related; boundary="i"\n\n--i\n' + f"{HTML}<p>{FACT}</p>\n--i--\n"
    text = text_of(tmp_path, multipart("mixed", PLAIN + "Dear all,", inner, PLAIN + "Sent from the pier."))
    assert text.index("Dear all") < text.index(FACT) < text.index("Sent from the pier")


def test_a_report_gives_its_status_and_the_message_that_came_back(tmp_path: Path) -> None:
    status = "Content-Type: message/delivery-status\n\nReporting-MTA: dns; a\n\nStatus: 5.2.2\n"
    back = f"Content-Type: message/rfc822\n\nSubject: Ferry\n\n{FACT}\n"
    items = read(tmp_path, multipart("report", PLAIN + "Not delivered.", status, back))
    texts = [item.text for item in items if isinstance(item, Document)]
    assert "Status: 5.2.2" in texts[0] and FACT in texts[1]


@pytest.mark.parametrize("name", ["O'Brien.txt", "the plan.txt", '"the plan.txt"', '""'])
def test_an_attached_text_is_read_whatever_its_name_looks_like(name: str, tmp_path: Path) -> None:
    part = f"Content-Type: text/plain\nContent-Disposition: attachment; filename={name}\n\n{FACT}"
    items = read(tmp_path, multipart("mixed", PLAIN + "See the file.", part))
    assert [isinstance(item, Document) for item in items] == [True, True] and FACT in str(items[1])


@pytest.mark.parametrize("kind", ["text/html", "application/xhtml+xml"])
def test_an_attachment_without_a_suffix_is_known_by_its_type(kind: str, tmp_path: Path) -> None:
    part = f"Content-Type: {kind}\nContent-Disposition: attachment; filename=page\n\n<p>{FACT}</p>"
    items = read(tmp_path, multipart("mixed", PLAIN + "See the file.", part))
    assert isinstance(items[1], Document) and items[1].text == FACT


def test_base64_that_was_cut_off_gives_what_is_there(tmp_path: Path) -> None:
    assert "The ferry leaves" in text_of(
        tmp_path, f"{HEAD}Content-Transfer-Encoding: base64\n\nVGhlIGZlcnJ5IGxlYXZlcyBhdCBub29uL"
    )


def test_a_text_part_that_is_no_text_is_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    broken = multipart("mixed", PLAIN + FACT, PLAIN + "\0\xff\2\0\xfe" * 50)
    items = read(tmp_path, broken.encode("latin-1"))
    assert isinstance(items[0], Document) and FACT in items[0].text
    assert len(items) == 2


def test_all_messages_of_a_mailbox_are_read(tmp_path: Path) -> None:
    path = tmp_path / "box.mbox"
    head = "From ann@example.org Tue Mar  4 10:00:00 2025\n"
    path.write_text(f"{head}{HEAD}\nFirst.\n>From here on.\n\n{head}{HEAD}\n{FACT}\n", encoding="utf-8")
    first, second = load(Source(path, "box.mbox"))
    assert isinstance(first, Document) and first.text.endswith("First.\nFrom here on.")
    assert isinstance(second, Document) and second.text.endswith(FACT) and second.id == "box.mbox/message-2.eml"
