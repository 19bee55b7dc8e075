"""Loads pictures of text (PNG, JPEG, TIFF): the words that are recognised in them, one picture a page."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rag.core.errors import EmptyDocument, LoadError, UnreadableSource, UnsupportedFormat
from rag.core.types import Document
from rag.loading.formats.paged.pdf import composed
from rag.loading.formats.paged.pdf_lines import PdfLine
from rag.loading.isolation.heartbeat import report_alive
from rag.loading.pages.reading_order import ordered_lines
from rag.loading.pages.recognition import MAX_PICTURE_SECONDS, MAX_PICTURE_SIDE, Recognizer, recognizer, unread_remedy
from rag.loading.sources import Source, checked_path, source_sha256

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 120_000_000
"""Pixels of a picture that is read: a sheet of A3 at 600 dots an inch has 70 million."""
MAX_PICTURES = 1_000
"""Pictures of one TIFF file that are read."""
PAGE_WIDTH_POINTS = 600.0
"""Width that a picture is taken to have: only the shares of its lines count."""


def load_picture(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document of a picture. Raises LoadError; UnsupportedFormat if no engine is installed."""
    recognize = recognizer(source)
    if recognize is None:
        raise UnsupportedFormat(f"{source.name} is a picture.", unread_remedy(source))
    sha256 = source_sha256(source.path)
    pages, unsure_count = list[list[PdfLine]](), 0
    for picture in pictures(source):
        report_alive(MAX_PICTURE_SECONDS)
        lines, unsure = _lines(picture, recognize)
        unsure_count += unsure
        pages.append(lines)
    if not any(pages):
        raise EmptyDocument(f"{source.name}: no words were recognised in this picture.", "Leave it out.")
    composer = composed(source, pages)
    composer.leave_out("lines of pictures that could not be read", unsure_count)
    composer.leave_out("pages without words", sum(not lines for lines in pages))
    yield composer.document("picture", sha256, None, {})


def pictures(source: Source) -> "Iterator[Image]":
    """Yield the pictures of a file, upright. Raises UnreadableSource."""
    with opened_picture(source.path, source.name) as file:
        count = getattr(file, "n_frames", 1)
        if count > MAX_PICTURES:
            what = f"{source.name} holds {count:,} pictures."
            raise UnreadableSource(what, f"Split it: at most {MAX_PICTURES:,} are read.")
        for i in range(count):
            file.seek(i)
            yield upright(file)


@contextmanager
def opened_picture(path: Path, name: str) -> "Iterator[Image]":
    """Give the picture of a file. Raises UnreadableSource if it is none, or too large."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of metadata that Pillow cannot read
        try:
            with Image.open(checked_path(path), formats=("PNG", "JPEG", "TIFF")) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise UnreadableSource(f"{name} has more than {MAX_PIXELS:,} pixels.", "Save it smaller.")
                yield picture
        except (LoadError, MemoryError):
            raise
        except Image.DecompressionBombError:
            raise UnreadableSource(f"{name} has more than {MAX_PIXELS:,} pixels.", "Save it smaller.") from None
        except Exception:  # a damaged file can make Pillow raise anything
            raise UnreadableSource(f"{name} is no sound picture.", "Save or export it again.") from None


def upright(picture: "Image") -> "Image":
    """Return a picture as it is shown: turned as its camera says, in three colours, white where it has none."""
    from PIL import Image, ImageOps

    turned = ImageOps.exif_transpose(picture)
    if turned.mode in ("RGBA", "LA", "PA") or "transparency" in turned.info:
        seen = turned.convert("RGBA")
        ground = Image.new("RGBA", seen.size, "white")
        return Image.alpha_composite(ground, seen).convert("RGB")
    if turned.mode.startswith("I;16"):
        return turned.point(lambda value: value / 256).convert("L").convert("RGB")
    return turned.convert("RGB")


def _lines(picture: "Image", recognize: Recognizer) -> tuple[list[PdfLine], int]:
    if max(picture.size) > MAX_PICTURE_SIDE:
        picture = picture.copy()
        picture.thumbnail((MAX_PICTURE_SIDE, MAX_PICTURE_SIDE))
    recognition = recognize(picture)
    points = (PAGE_WIDTH_POINTS, PAGE_WIDTH_POINTS * picture.height / picture.width)
    return ordered_lines(recognition.lines, picture.size, points), recognition.unsure_count
