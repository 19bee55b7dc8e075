"""Reads what stands on a slide outside its text frames: tables, charts, diagrams and the comments of readers."""

from collections.abc import Iterator
from typing import Any

from rag.loading.composing import row_text
from rag.loading.formats.office.office import MAX_PART_BYTES, xml_root

MAX_CHART_ROWS = 1_000
"""Categories of a chart that are read."""
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
        for point in root.iter("{*}pt"):
            for paragraph in point.iter(f"{_DRAWING}p"):
                yield _paragraph(paragraph)


def chart_rows(chart: Any) -> Iterator[str]:
    """Yield the names of the series of a chart, its title in the corner, and for each category its values."""
    has_title = chart.has_title and chart.chart_title.has_text_frame
    title = chart.chart_title.text_frame.text if has_title else ""
    for plot in chart.plots:
        series = list(plot.series)
        yield row_text([title, *(str(one.name or "") for one in series)])
        values = [list(one.values) for one in series]
        for i, category in enumerate(list(plot.categories)[:MAX_CHART_ROWS]):
            yield row_text([str(category), *(_number(several[i]) for several in values if i < len(several))])


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


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)


def _parts(slide: Any, kind: str) -> Iterator[Any]:
    """Yield the roots of the parts that a slide refers to by a kind of relationship."""
    for relationship in slide.part.rels.values():
        if relationship.reltype.endswith(kind) and not relationship.is_external:
            data = relationship.target_part.blob
            if len(data) <= MAX_PART_BYTES:
                yield xml_root(data)
