"""Reads the text of one Word paragraph: runs, breaks and equations, without deleted and hidden text."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rag.loading.formats.office.docx_math import linear
from rag.loading.formats.office.ooxml import M, W

_DELETED = frozenset(W + name for name in ("del", "moveFrom"))
LEFT_OUT = _DELETED | {W + name for name in ("instrText", "delText", "pPr", "sectPr", "rPr")}
"""Elements without text of the document."""
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
MAX_STYLE_DEPTH = 10
"""Styles based on one another at most: a circle of them must end."""
_SIGNS = {
    W + "tab": "\t",
    W + "br": "\n",
    W + "cr": "\n",
    W + "noBreakHyphen": "\u2011",
    W + "lastRenderedPageBreak": "\f",
}
"""Elements of a run that stand for a character. A tab stop of the paragraph's properties has the same name as a tab."""


_SYMBOL_FONT = {
    "B0": "°", "B1": "±", "A3": "≤", "B3": "≥", "B9": "≠", "B4": "×", "B8": "÷", "BB": "≈", "A5": "∞", "D6": "√",
    "E5": "∑", "AC": "←", "AE": "→", "B7": "•", "A2": "′", "B2": "″", "61": "α", "62": "β", "67": "γ", "64": "δ",
    "65": "ε", "6C": "λ", "6D": "μ", "70": "π", "72": "ρ", "73": "σ", "74": "τ", "66": "φ", "77": "ω", "44": "Δ",
    "53": "Σ", "57": "Ω", "2D": "−", "D7": "⋅",
}  # fmt: skip
_WINGDINGS = {
    "FC": "✓", "FB": "✗", "FE": "☑", "FD": "☒", "A8": "☐", "6F": "☐", "78": "☒", "E0": "→", "DF": "←", "A7": "▪",
    "6C": "●",
}  # fmt: skip
_SYMBOLS = {("symbol", code): sign for code, sign in _SYMBOL_FONT.items()}
_SYMBOLS |= {("wingdings", code): sign for code, sign in _WINGDINGS.items()}
"""Characters of fonts that have signs in the places of letters, by the word that begins the font's name."""


class WordStyles:
    """The styles of a document by their id."""

    def __init__(self, styles: Any) -> None:
        """Read the styles of python-docx."""
        self._by_id = {style.style_id: style for style in styles}
        self._hides: dict[str, bool] = {}

    def chain(self, reference: Any) -> Iterator[Any]:
        """Yield the style that an element refers to, and those it is based on."""
        style = self._by_id.get(reference.get(W + "val")) if reference is not None else None
        for _ in range(MAX_STYLE_DEPTH):
            if style is None:
                return
            yield style
            style = getattr(style, "base_style", None)

    def hides(self, properties: Any, style_name: str) -> bool:
        """Tell if run or paragraph properties hide their text, themselves or by their style."""
        if properties is None:
            return False
        own = _vanishes(properties if style_name == "rStyle" else properties.find(W + "rPr"))
        # The hidden mark at the end of a paragraph hides no text, so only runs count by themselves.
        if own is not None and style_name == "rStyle":
            return own
        reference = properties.find(W + style_name)
        key = reference.get(W + "val", "") if reference is not None else ""
        if key not in self._hides:
            verdicts = (_vanishes(style.element.find(W + "rPr")) for style in self.chain(reference))
            self._hides[key] = next((verdict for verdict in verdicts if verdict is not None), False)
        return self._hides[key]


@dataclass(frozen=True)
class ParagraphText:
    """The text of a paragraph, with a form feed for each page break; its text boxes, comments and omissions."""

    text: str
    boxes: list[Any] = field(default_factory=list)
    comment_ids: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def paragraph_text(paragraph: Any, styles: WordStyles) -> ParagraphText:
    """Return the text of a paragraph and everything anchored in it."""
    parts: list[str] = []
    content = ParagraphText("")
    hidden_paragraph = styles.hides(paragraph.find(W + "pPr"), "pStyle")
    pending = [paragraph]
    while pending:
        element = pending.pop()
        tag = element.tag
        if tag in _DELETED:
            content.left_out["deleted texts"] += element.find(f".//{W}delText") is not None
        if tag in LEFT_OUT or tag == FALLBACK or not isinstance(tag, str):
            continue
        if tag == W + "r" and _is_hidden(element, hidden_paragraph, styles):
            content.left_out["hidden texts"] += element.find(f".//{W}t") is not None
        elif tag == W + "r" and _is_struck(element):
            content.left_out["struck texts"] += element.find(f".//{W}t") is not None
        elif tag == W + "sym":
            parts.append(_symbol(element))
        elif tag == W + "txbxContent":
            content.boxes.append(element)
        elif tag == W + "commentReference":
            content.comment_ids.append(element.get(W + "id", ""))
        elif tag in _SIGNS:
            parts.append(_SIGNS[tag])
        elif tag == M + "oMath":
            parts.append(linear(element))
        elif tag == W + "t":
            parts.append(element.text or "")
        else:
            pending.extend(reversed(element))
    return ParagraphText("".join(parts), content.boxes, content.comment_ids, content.left_out)


def _is_hidden(run: Any, hidden_paragraph: bool, styles: WordStyles) -> bool:
    properties = run.find(W + "rPr")
    own = _vanishes(properties)
    return own if own is not None else hidden_paragraph or styles.hides(properties, "rStyle")


def _is_struck(run: Any) -> bool:
    properties = run.find(W + "rPr")
    return any(_says(properties, name) for name in ("strike", "dstrike"))


def _symbol(element: Any) -> str:
    """Return the character of a symbol font that Unicode has too, U+FFFD for others."""
    code = element.get(W + "char", "").upper().removeprefix("F0")
    return _SYMBOLS.get((element.get(W + "font", "").partition(" ")[0].lower(), code), "\ufffd")


def _vanishes(properties: Any) -> bool | None:
    return _says(properties, "vanish")


def _says(properties: Any, name: str) -> bool | None:
    """Return what a mark such as `w:vanish` says, None if it is absent."""
    mark = properties.find(W + name) if properties is not None else None
    return None if mark is None else mark.get(W + "val", "1") not in ("0", "false", "off")
