"""Draws the pages of PDFs in a process of its own, so that no file can stop, fill or end the process that asked.

It is another process than that of `rag.loading.isolation.process`: a picture need not wait until a long file is read.
"""

import atexit
import base64
import binascii
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rag.core.errors import UnreadableSource
from rag.loading.isolation.process import ReadingProcess, is_possible
from rag.loading.pages.pdf_pages import Box, PagePlaces, PageText, PdfFileState
from rag.loading.pages.picture_pages import answer_page

MAX_PAGE_SECONDS = 10.0
"""Time that a picture, or the boxes of a quotation, may take."""
MAX_WAIT_SECONDS = 20.0
"""Time that a request waits for its turn."""


class PdfProcess:
    """The process that looks into PDFs, for one caller at a time; it ends with the program."""

    def __init__(self, seconds: float = MAX_PAGE_SECONDS) -> None:
        """Start nothing yet; a request may take `seconds`."""
        self.seconds, self._process, self._lock = seconds, ReadingProcess(), threading.Lock()
        atexit.register(self._process.close)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._process.close()

    def places(self, path: Path, state: PdfFileState, texts: Sequence[PageText], listed: range) -> PagePlaces:
        """Return the boxes of stored texts, and the sizes of the pages `listed`. Raises UnreadableSource."""
        return self.places_of_groups(path, state, [texts], listed)[0]

    def places_of_groups(
        self, path: Path, state: PdfFileState, groups: Sequence[Sequence[PageText]], listed: range
    ) -> list[PagePlaces]:
        """Return what `places` does for each group of texts, by one request. Raises UnreadableSource."""
        written = [[asdict(text) for text in group] for group in groups]
        answer = self._answer(path, state, {"groups": written, "low": listed.start, "high": listed.stop})
        try:
            places = [_places(item) for item in answer["groups"]]
        except (LookupError, TypeError, ValueError, AttributeError):
            raise _spoilt(path) from None
        if len(places) != len(groups):
            raise _spoilt(path)
        return places

    def picture(self, path: Path, state: PdfFileState, number: int, width: int, marks: Sequence[Box] = ()) -> bytes:
        """Return a page as a PNG with its marks tinted. Raises UnreadableSource."""
        answer = self._answer(path, state, {"number": number, "width": width, "marks": list(marks)})
        try:
            return base64.b64decode(answer["png"], validate=True)
        except (LookupError, TypeError, binascii.Error):
            raise _spoilt(path) from None

    def _answer(self, path: Path, state: PdfFileState, request: Mapping[str, Any]) -> dict[str, Any]:
        whole = {**request, "path": str(path.absolute()), "state": list(state)}
        if not is_possible():
            return answer_page(whole)
        if not self._lock.acquire(timeout=MAX_WAIT_SECONDS):
            raise UnreadableSource("Other pages are being drawn.", "Try again in a moment.")
        try:
            return self._answer_apart(path, whole)
        finally:
            self._lock.release()

    def _answer_apart(self, path: Path, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            (answer,) = self._process.answers({"pdf": request}, self.seconds)
        except TimeoutError:
            self._process.close()
            what = f"{path.name}: drawing the page was stopped after {self.seconds:.0f} seconds."
            raise UnreadableSource(what, "Open the file in a PDF reader.") from None
        except (EOFError, OSError, ValueError, LookupError, TypeError):
            what = f"{path.name}: drawing the page ended the process that reads files{self._process.ending()}."
            raise UnreadableSource(what, "Open the file in a PDF reader.") from None
        except BaseException:
            self._process.close()  # its answer to this request would be taken for that to the next
            raise
        if "error" in answer:
            raise UnreadableSource(str(answer.get("message")), str(answer.get("remedy")))
        return answer


def _places(value: Any) -> PagePlaces:
    """Return one answer. Raises LookupError, TypeError, ValueError or AttributeError if it is none."""
    boxes = {int(number): _boxes(item) for number, item in value["boxes"].items()}
    sizes = {int(number): (float(size[0]), float(size[1])) for number, size in value["sizes"].items()}
    if not boxes.keys() <= sizes.keys():
        raise ValueError("boxes on pages without a size")
    return PagePlaces(int(value["page_count"]), boxes, sizes)


def _boxes(value: Any) -> tuple[Box, ...] | None:
    """Return the boxes of an answer. Raises ValueError or TypeError if they are none."""
    if value is None:
        return None
    return tuple((float(left), float(top), float(width), float(height)) for left, top, width, height in value)


def _spoilt(path: Path) -> UnreadableSource:
    return UnreadableSource(f"{path.name}: its pages cannot be drawn.", "Open the file in a PDF reader.")
