"""Reads the contents of slides and pages outside their text: tables, charts, diagrams and the comments of readers."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from rag.loading.composing import row_text
from rag.loading.formats.office.office import MAX_PART_BYTES, xml_root

MAX_CHART_ROWS = 1_000
"""Categories of a chart that are read."""
_CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"


def comments(slide: Any) -> Iterator[str]:
    """Yield the comments on a slide, of both generations of PowerPoint."""
    for root in _parts(slide, "/comments"):
        for comment in root.iter("{*}cm", "{*}reply"):
            own = [child for child in comment if not child.tag.endswith(("}replyLst", "}extLst"))]
            # A comment of today has paragraphs as a text frame has, one of before 2018 a text.
            texts = [item.text or "" for part in own for item in part.iter("{*}text")]
            texts += [_paragraph(item) for part in own for item in part.iter(f"{_DRAWING}p")]
            yield " ".join(" ".join(texts).split())


def diagram_texts(slide: Any) -> Iterator[str]:
    """Yield the texts of the diagrams (SmartArt) of a slide."""
    for root in _parts(slide, "/diagramData"):
        yield from point_texts(root)


def point_texts(diagram: Any) -> Iterator[str]:
    """Yield the texts of the points of a diagram."""
    for point in diagram.iter("{*}pt"):
        for paragraph in point.iter(f"{_DRAWING}p"):
            yield _paragraph(paragraph)


def box_texts(drawing: Any) -> Iterator[str]:
    """Yield the paragraphs of the text boxes of a drawing."""
    for body in drawing.iter("{*}txBody"):
        for paragraph in body.iter(f"{_DRAWING}p"):
            yield _paragraph(paragraph)


def chart_rows(space: Any) -> Iterator[str]:
    """Yield the names of the series of a chart, with its title in the corner, and for each category its values.

    They are read from the XML: the library knows the series of some kinds of charts only.
    """
    title = " ".join(_paragraph(item) for item in space.iterfind(f"{_CHART}chart/{_CHART}title//{_DRAWING}p"))
    plots = space.findall(f"{_CHART}chart/{_CHART}plotArea/*")
    if not any(plot.find(f"{_CHART}ser") is not None for plot in plots):
        yield title
    for plot in plots:
        series = plot.findall(f"{_CHART}ser")
        if series:
            yield row_text([title, *(" ".join(_points(one, "tx").values()) for one in series)])
            categories = {**_points(series[0], "cat"), **_points(series[0], "xVal")}
            values = [{**_points(one, "val"), **_points(one, "yVal")} for one in series]
            positions = sorted({i for points in (categories, *values) for i in points})
            for i in positions[:MAX_CHART_ROWS]:
                yield row_text([categories.get(i, ""), *(points.get(i, "") for points in values)])


def _points(series: Any, kind: str) -> dict[int, str]:
    """Return the texts of a series' names, categories or values by their positions."""
    shown: dict[int, str] = {}
    for cache in series.iterfind(f"{_CHART}{kind}//{_CHART}pt/.."):
        code = cache.findtext(f"{_CHART}formatCode") or ""
        for point in cache.iterfind(f"{_CHART}pt"):
            position, text = point.get("idx") or "", point.findtext(f"{_CHART}v") or ""
            is_number = cache.tag.endswith(("numCache", "numLit"))
            if position.isdecimal():
                shown[int(position)] = _number(text, code) if is_number else text
    return shown


def _number(text: str, code: str) -> str:
    """Return a number as short as it can be written, a date in the order of its parts."""
    from openpyxl.styles.numbers import is_date_format
    from openpyxl.utils.datetime import from_excel

    with suppress(ValueError, OverflowError, TypeError):
        value = float(text)
        return str(from_excel(value)).removesuffix(" 00:00:00") if is_date_format(code) else f"{value:.12g}"
    return text


def table_rows(table: Any) -> Iterator[list[str]]:
    """Yield the cells of each row; a merged cell gives its text to every cell that it spans."""
    texts: dict[tuple[int, int], str] = {}
    for i, row in enumerate(table.rows):
        for k, cell in enumerate(row.cells):
            texts.setdefault((i, k), cell.text)
            if cell.is_merge_origin:
                spanned = [
                    (i + down, k + right) for down in range(cell.span_height) for right in range(cell.span_width)
                ]
                texts.update(dict.fromkeys(spanned, cell.text))
        yield [texts[i, k] for k in range(len(row.cells))]


def _paragraph(paragraph: Any) -> str:
    return "".join(item.text or "" for item in paragraph.iter(f"{_DRAWING}t"))


def _parts(slide: Any, kind: str) -> Iterator[Any]:
    """Yield the roots of the parts that a slide refers to by a kind of relationship."""
    for relationship in slide.part.rels.values():
        if relationship.reltype.endswith(kind) and not relationship.is_external:
            data = relationship.target_part.blob
            if len(data) <= MAX_PART_BYTES:
                yield xml_root(data)
