"""Makes the box into which files are dropped, or from which the file dialog is opened."""

from rag.server.page.html.markup import attributes, element


def drop_zone_html(limit_mb: int, multiple: bool, words: str = "Files") -> str:
    """Return the box; the browser refuses a file above `limit_mb` before it sends it."""
    what, each = ("files", " each") if multiple else ("a file", "")
    input_attributes = attributes(type="file", multiple="" if multiple else None, aria_label=words, tabindex="0")
    return element(
        "div",
        element(
            "label", f"<input{input_attributes}>", element("span", f"Drop {what} here, or browse"), class_="pc-browse"
        ),
        element("p", f"Up to {limit_mb:,} MB{each}", class_="pc-note"),
        element("ol", class_="pc-sending"),
        class_="pc-drop",
        data_limit=str(limit_mb),
    )
