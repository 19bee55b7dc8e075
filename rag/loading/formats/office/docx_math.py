"""Writes an equation of a Word document (OMML) as linear text, such as `x = (a + b)/2`."""

from typing import Any

from rag.loading.formats.office.ooxml import M

MAX_EQUATION_DEPTH = 40
"""Fractions, roots and the like inside one another that are written out; deeper ones give their letters only."""


def linear(equation: Any, depth: int = 0) -> str:
    """Return an equation as one line of text."""
    if depth > MAX_EQUATION_DEPTH:
        return "".join(text.text or "" for text in equation.iter(M + "t"))
    return "".join(_element(child, depth + 1) for child in equation if isinstance(child.tag, str))


def _element(element: Any, depth: int) -> str:
    def part(name: str) -> str:
        inner = element.find(M + name)
        return linear(inner, depth) if inner is not None else ""

    name = element.tag.removeprefix(M)
    if name == "t":
        return element.text or ""
    if name == "f":
        return f"{_grouped(part('num'))}/{_grouped(part('den'))}"
    if name in ("sSup", "sSub", "sSubSup"):
        low, high = part("sub"), part("sup")
        return part("e") + (f"_{_grouped(low)}" if low else "") + (f"^{_grouped(high)}" if high else "")
    if name == "rad":
        return f"{part('deg')}√{_grouped(part('e'))}"
    if name == "d":
        inner = ", ".join(linear(e, depth) for e in element.iterchildren(M + "e"))
        return f"{_sign(element, 'begChr', '(')}{inner}{_sign(element, 'endChr', ')')}"
    if name == "nary":
        low, high = part("sub"), part("sup")
        limits = (f"_{_grouped(low)}" if low else "") + (f"^{_grouped(high)}" if high else "")
        return f"{_sign(element, 'chr', '∫')}{limits} {part('e')}"
    if name.endswith("Pr"):
        return ""
    return linear(element, depth)


def _sign(element: Any, name: str, default: str) -> str:
    mark = element.find(f"{M}{element.tag.removeprefix(M)}Pr/{M}{name}")
    return str(mark.get(M + "val", "")) if mark is not None else default


def _grouped(text: str) -> str:
    return text if text.isalnum() else f"({text})"
