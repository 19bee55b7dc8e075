"""Reads the words in a picture of text (OCR), with their boxes and how sure each of them is.

The engine is loaded once in a process. RapidOCR comes with its weights, so nothing is downloaded.
"""

import csv
import io
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from rag.core.errors import UnreadableSource
from rag.loading.sources import Source

if TYPE_CHECKING:
    from PIL.Image import Image

INSTALL_OCR = "Install text recognition, and index again: pip install 'pincite-slim[ocr]'"
"""The remedy for pictures, if no engine is there."""
MIN_LINE_CONFIDENCE = 0.5
"""Confidence below which a line is no text: a pattern, a drawing, a blot."""
MAX_PICTURE_SIDE = 2_000
"""Pixels of the longer side of a picture that is read: 170 a inch for a sheet of A4."""
MAX_PICTURE_SECONDS = 300.0
"""Time that a picture may take: a page with 5,000 letters takes about 25 seconds of a processor."""
TESSERACT_CODES = {
    "": "eng", "cs": "ces", "da": "dan", "de": "deu", "en": "eng", "es": "spa", "et": "est", "fi": "fin", "fr": "fra",
    "hr": "hrv", "hu": "hun", "is": "isl", "it": "ita", "lt": "lit", "lv": "lav", "nl": "nld", "no": "nor",
    "pl": "pol", "pt": "por", "ro": "ron", "ru": "rus", "sk": "slk", "sl": "slv", "sv": "swe", "tr": "tur",
    "uk": "ukr", "zh": "chi_sim", "ja": "jpn", "ko": "kor", "ar": "ara", "el": "ell",
}  # fmt: skip
"""Languages as Tesseract names them."""

PixelBox: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""


@dataclass(frozen=True)
class RecognizedWord:
    """A word of a picture, with its place in its line of text, its box, and its confidence from 0 to 1."""

    start: int
    end: int
    box: PixelBox
    confidence: float


@dataclass(frozen=True)
class RecognizedLine:
    """A line of a picture: its text, the words in it, and the left and right end of its base line in pixels."""

    text: str
    words: tuple[RecognizedWord, ...]
    left: tuple[float, float]
    right: tuple[float, float]
    height: float


@dataclass(frozen=True)
class Recognition:
    """The lines of one picture in any order, and how many of its lines are too unsure to be text."""

    lines: tuple[RecognizedLine, ...]
    unsure_count: int = 0


Recognizer: TypeAlias = Callable[["Image"], Recognition]


def unread_remedy(source: Source) -> str:
    """Return what to do about a picture that no engine has read."""
    if find_spec("rapidocr") is None and source.ocr != "none":
        return INSTALL_OCR
    return "Set ocr=auto, and index again." if source.ocr == "none" else "Split the file."


def recognizer(source: Source) -> Recognizer | None:
    """Return what reads pictures as the settings of a source say, None if no engine is installed or wanted.

    Raises UnreadableSource if the engine that the settings name cannot be used.
    """
    if source.ocr == "none" or (source.ocr == "auto" and find_spec("rapidocr") is None):
        return None
    if source.ocr == "tesseract":
        return _tesseract(source.ocr_language)
    if find_spec("rapidocr") is None:
        raise UnreadableSource(f"{source.name} is read by ocr=rapidocr, which is not installed.", INSTALL_OCR)
    return _rapidocr(source.ocr_language)


@lru_cache(maxsize=1)
def _rapidocr(language: str) -> Recognizer:
    import rapidocr

    languages = rapidocr.RapidOCR.list_supported_langs("rec", "PP-OCRv6", "small")
    if language and language not in languages:
        what = f"The weights that come with RapidOCR read no text in ocr_language={language}."
        raise UnreadableSource(what, "Set ocr=tesseract, and install Tesseract with this language.")
    weights = Path(rapidocr.__file__).parent / "models"
    engine = rapidocr.RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.return_word_box": True,
            "Global.text_score": 0.0,
            "Global.max_side_len": MAX_PICTURE_SIDE,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            # A path of our own keeps it from looking for weights on the network.
            "Det.model_path": str(weights / "PP-OCRv6_det_small.onnx"),
            "Rec.model_path": str(weights / "PP-OCRv6_rec_small.onnx"),
            "Cls.model_path": str(weights / "ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
        }
    )

    def recognize(picture: "Image") -> Recognition:
        import numpy

        found = engine(numpy.asarray(picture.convert("RGB"))[:, :, ::-1])
        texts, scores = found.txts or (), found.scores or ()
        sure = [i for i, score in enumerate(scores) if float(score) >= MIN_LINE_CONFIDENCE and texts[i].strip()]
        lines = [_rapidocr_line(texts[i], found.boxes[i].tolist(), found.word_results[i]) for i in sure]
        return Recognition(tuple(lines), len(texts) - len(sure))

    return recognize


def _rapidocr_line(text: str, corners: list[list[float]], results: Sequence[Any]) -> RecognizedLine:
    """Return a line of RapidOCR: corners come clockwise from the upper left one."""
    text, words, position = text.strip(), [], 0
    for word, score, points in results:
        start = text.find(word, position)
        if start >= 0 and word.strip() and points is not None:
            position = start + len(word)
            words.append(RecognizedWord(start, position, _around_points(points), float(score)))
    (left, top), (right, right_top), (_, right_bottom), (_, bottom) = corners
    height = (bottom - top + right_bottom - right_top) / 2
    return RecognizedLine(text, tuple(words), (left, bottom), (right, right_bottom), height)


def _around_points(points: Sequence[Sequence[float]]) -> PixelBox:
    across, down = [point[0] for point in points], [point[1] for point in points]
    return min(across), min(down), max(across), max(down)


def _tesseract(language: str) -> Recognizer:
    program = shutil.which("tesseract")
    if program is None:
        what = "ocr=tesseract is set, but there is no program tesseract."
        raise UnreadableSource(what, "Install it, or set ocr=auto.")
    codes = "+".join(TESSERACT_CODES.get(code, code) for code in language.split("+"))

    def recognize(picture: "Image") -> Recognition:
        data = io.BytesIO()
        picture.convert("RGB").save(data, "PNG", compress_level=1)
        command = [program, "stdin", "stdout", "-l", codes, "tsv"]
        try:
            done = subprocess.run(command, input=data.getvalue(), capture_output=True, timeout=MAX_PICTURE_SECONDS)
        except subprocess.TimeoutExpired:
            raise UnreadableSource("Tesseract took too long for a picture.", "Split the file.") from None
        if done.returncode:
            reason = " ".join(done.stderr.decode("utf-8", "replace").split())[:200]
            raise UnreadableSource(f"Tesseract failed: {reason}", f"Install its language data for {codes}.")
        return tesseract_lines(done.stdout.decode("utf-8", "replace"))

    return recognize


def tesseract_lines(table: str) -> Recognition:
    """Return the lines of a table (TSV) that Tesseract wrote."""
    rows = csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE)
    by_line: dict[tuple[str, ...], list[tuple[str, PixelBox, float]]] = {}
    for row in rows:
        if row["level"] == "5" and (row["text"] or "").strip():
            left, top, width, height = (float(row[side]) for side in ("left", "top", "width", "height"))
            key = (row["block_num"], row["par_num"], row["line_num"])
            box = (left, top, left + width, top + height)
            by_line.setdefault(key, []).append((row["text"], box, float(row["conf"]) / 100))
    sure = [line for line in by_line.values() if _mean([score for _, _, score in line]) >= MIN_LINE_CONFIDENCE]
    return Recognition(tuple(map(_tesseract_line, sure)), len(by_line) - len(sure))


def _tesseract_line(items: Sequence[tuple[str, PixelBox, float]]) -> RecognizedLine:
    text = " ".join(word for word, _, _ in items)
    boxes = [box for _, box, _ in items]
    bottom = max(box[3] for box in boxes)
    left, right = min(box[0] for box in boxes), max(box[2] for box in boxes)
    height = bottom - min(box[1] for box in boxes)
    return RecognizedLine(text, tuple(_placed(items)), (left, bottom), (right, bottom), height)


def _placed(items: Sequence[tuple[str, PixelBox, float]]) -> Iterator[RecognizedWord]:
    start = 0
    for word, box, confidence in items:
        yield RecognizedWord(start, start + len(word), box, max(0.0, min(confidence, 1.0)))
        start += len(word) + 1


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
