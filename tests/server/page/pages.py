"""Reads HTML back as a browser does, for tests: the tags, their attributes, and the text inside each."""

from collections.abc import Callable
from html.parser import HTMLParser

VOID = {"br", "img", "input"}
Attributes = dict[str, str | None]


class Reading(HTMLParser):
    """All elements of a piece of HTML, with their text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, Attributes, list[str]]] = []
        self.text = ""
        self._open: list[tuple[str, list[str]]] = []
        self.feed(html)
        self.close()
        assert not self._open, f"not closed: {[tag for tag, _ in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        content: list[str] = []
        self.elements.append((tag, dict(attrs), content))
        if tag not in VOID:
            self._open.append((tag, content))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        self.text += data
        for _, content in self._open:
            content.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data!r}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl!r}")

    def texts(self, tag: str, where: Callable[[Attributes], bool] = lambda attributes: True) -> list[str]:
        """Return the text of each element of that tag, in order."""
        return ["".join(content) for name, attributes, content in self.elements if name == tag and where(attributes)]

    def of_class(self, name: str) -> list[str]:
        """Return the text of each element of that class, in order."""
        return ["".join(content) for _, attributes, content in self.elements if name in _classes(attributes)]

    def attribute(self, name: str) -> list[str]:
        """Return the values of an attribute, in order."""
        return [value for _, attributes, _ in self.elements if (value := attributes.get(name)) is not None]


def _classes(attributes: Attributes) -> list[str]:
    return (attributes.get("class") or "").split()
