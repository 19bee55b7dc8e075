"""Makes the box into which files are dropped, or from which the file dialog is opened."""

from rag.server.page.html.markup import element, field


def drop_zone_html(limit_mb: int, multiple: bool, words: str = "Files") -> str:
    """Return the box; the browser refuses a file above `limit_mb` before it sends it."""
    what, each = ("files", " each") if multiple else ("a file", "")
    values = {"type": "file", "multiple": "" if multiple else None, "tabindex": "0"}
    files = element("label", field(**values, aria_label=words), element("span", f"Drop {what} here, or browse"))
    folder = field(**values, webkitdirectory="", aria_label=f"{words} of a folder")
    choices = [files, element("label", folder, element("span", "or choose a folder"))] if multiple else [files]
    return element(
        "div",
        element("div", *choices, class_="pc-browse"),
        element("p", f"Up to {limit_mb:,} MB{each}", class_="pc-note"),
        element("ol", class_="pc-sending"),
        class_="pc-drop",
        data_limit=str(limit_mb),
    )
