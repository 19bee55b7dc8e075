"""Draws the pictures that documents were read from, as `rag.loading.pages.pdf_pages` draws the pages of PDFs."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.core.errors import UnreadableSource
from rag.core.types import RecognizedRange
from rag.loading.content_kind import PICTURE_MARKS
from rag.loading.formats.paged.pictures import opened_picture, upright
from rag.loading.pages.pdf_pages import (
    MAX_LISTED_SIZES,
    MAX_PICTURE_PIXELS,
    Box,
    PagePlaces,
    answer_pdf,
    changed_file,
    file_state,
    png_bytes,
    tint,
)
from rag.loading.pages.reading_order import SIDE_PARTS
from rag.loading.sources import checked_path

if TYPE_CHECKING:
    from PIL.Image import Image


def answer_page(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to a request for boxes or a picture of a page of a PDF or picture. Raises UnreadableSource."""
    path = Path(request["path"])
    return _answer_picture(path, request) if _is_picture(path) else answer_pdf(request)


def recognized_boxes(words: Sequence[RecognizedRange]) -> tuple[Box, ...]:
    """Return a box around the recognised words of each line, as shares of the page."""
    rows: list[list[RecognizedRange]] = []
    for word in words:
        if rows and _share_line(rows[-1][-1], word):
            rows[-1].append(word)
        else:
            rows.append([word])
    return tuple(_around_words(row) for row in rows)


def _share_line(word: RecognizedRange, other: RecognizedRange) -> bool:
    top, bottom = max(word[4], other[4]), min(word[4] + word[6], other[4] + other[6])
    return bottom - top > min(word[6], other[6]) / 2 and other[3] >= word[3]


def _around_words(words: Sequence[RecognizedRange]) -> Box:
    left, top = min(word[3] for word in words), min(word[4] for word in words)
    right, bottom = max(word[3] + word[5] for word in words), max(word[4] + word[6] for word in words)
    return left / SIDE_PARTS, top / SIDE_PARTS, (right - left) / SIDE_PARTS, (bottom - top) / SIDE_PARTS


def _is_picture(path: Path) -> bool:
    try:
        with checked_path(path).open("rb") as file:
            return file.read(8).startswith(tuple(PICTURE_MARKS))
    except OSError:
        return False


def _answer_picture(path: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    with _same_picture(path, tuple(request["state"])) as file:
        count = getattr(file, "n_frames", 1)
        if "width" in request:
            file.seek(_checked_number(request["number"], count) - 1)
            return {"png": base64.b64encode(_drawn(upright(file), request)).decode("ascii")}
        shown = range(max(1, request["low"]), min(count + 1, request["high"], request["low"] + MAX_LISTED_SIZES))
        places = asdict(PagePlaces(count, {}, {number: _size(file, number) for number in shown}))
        return {"groups": [places] * len(request["groups"])}


@contextmanager
def _same_picture(path: Path, state: tuple[int, ...]) -> "Iterator[Image]":
    if file_state(path) != state:
        raise changed_file(path)
    with opened_picture(path, path.name) as file:
        yield file
    if file_state(path) != state:
        raise changed_file(path)


def _checked_number(number: int, count: int) -> int:
    if not 1 <= number <= count:
        raise UnreadableSource(f"There is no page {number}.", f"The file has {count} pages.")
    return number


def _size(file: "Image", number: int) -> tuple[float, float]:
    """Return the sides of a picture as it is shown: the camera may say that they are turned."""
    file.seek(number - 1)
    is_turned = file.getexif().get(0x0112) in (5, 6, 7, 8)
    width, height = file.size
    return (float(height), float(width)) if is_turned else (float(width), float(height))


def _drawn(picture: "Image", request: Mapping[str, Any]) -> bytes:
    side = min(request["width"], MAX_PICTURE_PIXELS)
    scale = min(side / picture.width, MAX_PICTURE_PIXELS / picture.height)
    image = picture.resize((max(1, round(scale * picture.width)), max(1, round(scale * picture.height))))
    for left, top, width, height in request["marks"]:
        tint(image, (left, top, width, height))
    return png_bytes(image)
