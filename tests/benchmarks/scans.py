"""Prints 20 pages, scans them by program, and measures how well their words are recognised, found and boxed.

    python tests/benchmarks/scans.py [--pages 20] [--engine rapidocr] [--keep FOLDER]

Pages are set in two fonts, in one column or two, from the seed articles; one made-up fact stands on each. The scan
turns each page by up to 2 degrees, blurs it, adds noise and a grey ground, and saves it as JPEG in one PDF. Needs the
extras `ocr` (or the program tesseract) and `eval`, whose matplotlib brings the fonts.
"""

import argparse
import math
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import numpy
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from rag import Assistant, Index
from rag.core.citations import Citation
from rag.core.settings import Settings
from rag.core.types import Document, Span
from rag.loading.pages.pdf_originals import PdfOriginals

ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT, MARGIN, GUTTER = 1_654, 2_339, 140, 70
"""Pixels of a sheet of A4 at 200 dots an inch, of its margin, and between its columns."""
LETTER_PIXELS = (27, 31)
"""Sizes of letters: about 10 and 11 points."""
FONTS = ("DejaVuSerif.ttf", "DejaVuSans.ttf")
MAX_SKEW_DEGREES, NOISE, BLUR_PIXELS, JPEG_QUALITY = 2.0, 14.0, 0.7, 60
FACTS = (
    ("The tug {name} was launched at Wexford in {year}.", "When was the tug {name} launched?", "{year}"),
    ("The chapel of {name} was built by the mason Ivo Brandt.", "Who built the chapel of {name}?", "Ivo Brandt"),
    ("The {name} lighthouse burned {litres} litres of oil a night.",
     "How much oil did the {name} lighthouse burn a night?", "{litres} litres"),
    ("The {name} ferry crosses the sound in {minutes} minutes.",
     "How long does the {name} ferry take to cross the sound?", "{minutes} minutes"),
)  # fmt: skip
NAMES = (
    "Marlin", "Osprey", "Falgate", "Brenholm", "Tarvik", "Selwick", "Dunmoor", "Peregrin", "Halvard", "Corrigan",
    "Wendover", "Istria", "Lindqvist", "Morrowby", "Quennell", "Ravensar", "Stormont", "Thorsby", "Ullswick", "Vantage",
)  # fmt: skip


@dataclass(frozen=True)
class Fact:
    """A statement that only one page has, with its question and answer."""

    statement: str
    question: str
    answer: str


@dataclass(frozen=True)
class Sheet:
    """A scanned page, the words printed on it in order, and where the middle of each word lies in the scan."""

    picture: Image.Image
    words: tuple[str, ...]
    middles: tuple[tuple[float, float], ...]
    fact: Fact


def facts(count: int) -> list[Fact]:
    """Return so many different facts."""
    made = []
    for number in range(count):
        figures = {"year": 1861 + 7 * number, "litres": 21 + number, "minutes": 32 + number}
        values = {"name": NAMES[number % len(NAMES)], **figures}
        made.append(Fact(*(text.format(**values) for text in FACTS[number % len(FACTS)])))
    return made


def prose() -> list[str]:
    """Return the words of the seed articles."""
    paths = sorted((ROOT / "seeds").glob("*.txt"))
    texts = [path.read_text(encoding="utf-8") for path in paths]
    return " ".join(texts).split()


def sheet(number: int, fact: Fact, words: Sequence[str]) -> Sheet:
    """Print and scan a page."""
    random_ = random.Random(number)
    font = _font(FONTS[number % len(FONTS)], LETTER_PIXELS[number // 2 % len(LETTER_PIXELS)])
    start = random_.randrange(len(words) - 1_000)
    text = [*words[start : start + 60], *fact.statement.split(), *words[start + 60 : start + 1_000]]
    page = Image.new("L", (WIDTH, HEIGHT), 255)
    printed, places = zip(*_set(ImageDraw.Draw(page), text, font, 1 + number % 4 // 2), strict=True)
    degrees = random_.uniform(-MAX_SKEW_DEGREES, MAX_SKEW_DEGREES)
    return Sheet(_scanned(page, degrees, number), printed, tuple(_turned(place, degrees) for place in places), fact)


def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, size)


def _set(
    draw: ImageDraw.ImageDraw, words: Sequence[str], font: ImageFont.FreeTypeFont, columns: int
) -> Iterator[tuple[str, tuple[float, float]]]:
    """Set words in columns until the page is full, and yield each with its middle."""
    lead, blank = round(1.45 * font.size), font.getlength(" ")
    width = (WIDTH - 2 * MARGIN - (columns - 1) * GUTTER) / columns
    column, x, y = 0, 0.0, MARGIN
    for word in words:
        length = font.getlength(word)
        if x + length > width:
            x, y = 0.0, y + lead
        if y + lead > HEIGHT - MARGIN:
            column, x, y = column + 1, 0.0, MARGIN
        if column == columns:
            return
        left = MARGIN + column * (width + GUTTER) + x
        draw.text((left, y), word, font=font, fill=25)
        yield word, (left + length / 2, y + font.size / 2)
        x += length + blank


def _scanned(page: Image.Image, degrees: float, seed: int) -> Image.Image:
    turned = page.rotate(degrees, resample=Image.Resampling.BICUBIC, fillcolor=255)
    grey = numpy.asarray(turned.filter(ImageFilter.GaussianBlur(BLUR_PIXELS)), dtype=float) * 0.9 + 10
    noisy = grey + numpy.random.default_rng(seed).normal(0, NOISE, grey.shape)
    return Image.fromarray(noisy.clip(0, 255).astype("uint8"))


def _turned(point: tuple[float, float], degrees: float) -> tuple[float, float]:
    """Return where a point lies after the picture was turned counterclockwise about its middle."""
    angle, x, y = math.radians(degrees), point[0] - WIDTH / 2, point[1] - HEIGHT / 2
    turned = (x * math.cos(angle) + y * math.sin(angle), -x * math.sin(angle) + y * math.cos(angle))
    return turned[0] + WIDTH / 2, turned[1] + HEIGHT / 2


def right_characters(printed: str, recognized: str) -> int:
    """Return how many characters of a page were recognised, in order."""
    blocks = SequenceMatcher(None, printed, recognized, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks)


def page_text(document: Document, number: int) -> str:
    """Return the text of a page with one blank between words."""
    starts = [*document.layout.pages, len(document.text)]
    return " ".join(document.text[starts[number] : starts[number + 1]].split())


def is_boxed(page: Sheet, boxes: Sequence[tuple[float, float, float, float]], quote: str) -> bool:
    """Tell if the middle of each printed word of a quotation lies in one of the boxes."""
    words = [word.strip(".,") for word in quote.split()]
    printed = [word.strip(".,") for word in page.words]
    for start in range(len(printed)):
        if printed[start : start + len(words)] == words:
            middles = page.middles[start : start + len(words)]
            return all(any(_holds(box, middle) for box in boxes) for middle in middles)
    return False


def _holds(box: tuple[float, float, float, float], point: tuple[float, float]) -> bool:
    left, top, width, height = box
    x, y = point[0] / WIDTH, point[1] / HEIGHT
    return left <= x <= left + width and top <= y <= top + height


def main() -> None:
    """Print the measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--engine", default="rapidocr")
    parser.add_argument("--keep", type=Path, help="folder that the PDF is written to")
    options = parser.parse_args()
    words = prose()
    sheets = [sheet(number, fact, words) for number, fact in enumerate(facts(options.pages))]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        first, *others = (item.picture for item in sheets)
        scan = folder / "scan.pdf"
        first.save(scan, save_all=True, append_images=others, resolution=200, quality=JPEG_QUALITY)
        settings, begun = Settings(ocr=options.engine, isolated_reading=False), time.process_time()
        index = Index.build(scan, Path(temporary) / "index", settings=settings)
        seconds = (time.process_time() - begun) / len(sheets)
        report(sheets, index)
    print(f"{seconds:.1f} CPU s a page, indexing included")  # noqa: T201


def report(sheets: Sequence[Sheet], index: Index) -> None:
    """Print how many characters, answers and boxes are right."""
    assistant, originals = Assistant(index), PdfOriginals()
    document = index.document("scan.pdf")
    assert document is not None
    printed = right = answered = boxed = 0
    for number, page in enumerate(sheets):
        text = " ".join(page.words)
        own = right_characters(text, page_text(document, number))
        printed, right = printed + len(text), right + own
        response = assistant.ask(page.fact.question)
        quote = response.answers[0].citation if response.answers else None
        is_right = quote is not None and page.fact.answer in " ".join(quote.quote.split())
        is_placed = quote is not None and is_right and _is_placed(page, number, document, quote, originals, index.path)
        answered, boxed = answered + is_right, boxed + is_placed
        label = quote.place.label() if quote else ""
        shares = f"{own / len(text):.2%} of {len(text)} characters"
        print(f"{number + 1}: {shares}, answered {is_right}, boxed {is_placed}, {label}", flush=True)  # noqa: T201
    count = len(sheets)
    shares = f"{right / printed:.2%} of {printed:,} characters"
    print(f"{shares}, {answered} of {count} questions answered, {boxed} with the box around the words")  # noqa: T201


def _is_placed(
    page: Sheet, number: int, document: Document, quote: Citation, originals: PdfOriginals, index: Path
) -> bool:
    span = Span(document.id, quote.span.start, quote.span.end)
    boxes = originals.places(document, index, span).boxes.get(number + 1) or ()
    return quote.place.page_number == number + 1 and is_boxed(page, boxes, quote.quote)


if __name__ == "__main__":
    main()
