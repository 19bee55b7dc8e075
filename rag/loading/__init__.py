"""Turns files into Documents: the text exactly as decoded, with its title and metadata.

`LOADERS` maps each suffix to the module and function that read it; a new format is a new module and a new line there.
A module is imported when the first file of its format is read.
"""

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any

from rag.core.errors import LoadError, UnreadableSource, UnsupportedFormat
from rag.core.types import Document
from rag.loading.sources import (
    PICTURE_SUFFIXES,
    PLAIN_TEXT_SUFFIXES,
    SOURCE_CODE_SUFFIXES,
    Source,
    discover,
    source_sha256,
    unreadable,
)

__all__ = ["LOADERS", "Source", "discover", "load", "source_sha256", "suffix"]

_Loader = Callable[[Source], Iterator[Document | LoadError]]
Begin = Callable[[Source], bool]
"""Called with each file inside another before it is read; if it returns False, the file is skipped."""

LOADERS = {
    **dict.fromkeys(PLAIN_TEXT_SUFFIXES, "plain.text.load_text"),
    ".md": "markup.markdown.load_markdown",
    ".markdown": "markup.markdown.load_markdown",
    ".jsonl": "spreadsheets.jsonl.load_jsonl",
    ".jsonl.gz": "spreadsheets.jsonl.load_jsonl",
    ".html": "markup.html.load_html",
    ".htm": "markup.html.load_html",
    ".xhtml": "markup.html.load_html",
    ".pdf": "paged.pdf.load_pdf",
    **dict.fromkeys((".docx", ".docm", ".dotx", ".dotm"), "office.docx.load_docx"),
    **dict.fromkeys((".doc", ".xls", ".ppt"), "office.old_office.load_old_office"),
    **dict.fromkeys((".pptx", ".pptm", ".potx", ".potm", ".ppsx", ".ppsm"), "office.slides.load_pptx"),
    **dict.fromkeys((".xlsx", ".xlsm", ".xltx", ".xltm"), "spreadsheets.sheets.load_xlsx"),
    ".epub": "containers.epub.load_epub",
    ".rtf": "office.rtf.load_rtf",
    ".rst": "markup.rst.load_rst",
    **dict.fromkeys((".odt", ".ods", ".odp", ".ott", ".ots", ".otp"), "office.opendocument.load_opendocument"),
    ".srt": "plain.subtitles.load_subtitles",
    ".vtt": "plain.subtitles.load_subtitles",
    ".ipynb": "markup.notebooks.load_notebook",
    ".tex": "markup.latex.load_latex",
    ".xml": "markup.xml_articles.load_xml",
    ".nxml": "markup.xml_articles.load_xml",
    ".mhtml": "containers.saved_pages.load_saved_page",
    ".mht": "containers.saved_pages.load_saved_page",
    ".eml": "containers.mail.load_mail",
    ".mbox": "containers.mail.load_mbox",
    ".msg": "containers.outlook.load_msg",
    ".csv": "spreadsheets.tables.load_csv",
    ".tsv": "spreadsheets.tables.load_csv",
    ".json": "spreadsheets.tables.load_json",
    ".zip": "containers.archives.load_zip",
    ".tar": "containers.archives.load_tar",
    ".tar.gz": "containers.archives.load_tar",
    ".tgz": "containers.archives.load_tar",
    ".tar.bz2": "containers.archives.load_tar",
    ".tbz2": "containers.archives.load_tar",
    ".tar.xz": "containers.archives.load_tar",
    ".txz": "containers.archives.load_tar",
    **dict.fromkeys((".gz", ".bz2", ".xz"), "containers.archives.load_compressed"),
    **dict.fromkeys(PICTURE_SUFFIXES, "paged.pictures.load_picture"),
    **dict.fromkeys(SOURCE_CODE_SUFFIXES, "plain.source_code.load_source_code"),
}
NESTING = ("containers.mail", "containers.outlook", "office.old_office", "containers.archives")
"""Modules whose files hold others: their functions are given `load`."""


def load(source: Source, begin: Begin | None = None) -> Iterator[Document | LoadError]:
    """Yield the documents of a source, and an error that names the file (and line) for each part that cannot be read.

    Never raises: after a bad row of a JSON Lines file the next is read. `begin` is called before each member of an
    archive and each attachment of a message; if it returns False, the member is skipped.
    """
    if begin is not None and source.depth and not begin(source):
        return
    try:
        yield from _loader(source, begin)(source)
    except LoadError as error:
        yield error
    except OSError as error:
        yield unreadable(source.path, error)
    except MemoryError:
        what = f"{source.name} takes more memory to read than there is."
        yield UnreadableSource(what, "Split it, or save it without its pictures.")
    except Exception as error:  # a damaged file can make a library raise anything; the next file must still be read
        yield _damaged(source, error)


def suffix(name: str) -> str:
    """Return the suffix that chooses the loader, in lower case: `.jsonl.gz` for `Rows.JSONL.gz`, `.md` for `a.b.md`."""
    lower = name.lower()
    endings = [ending for ending in LOADERS if lower.endswith(ending)]
    return max(endings, key=len) if endings else lower[lower.rfind(".") :] if "." in lower else ""


def _damaged(source: Source, error: Exception) -> UnreadableSource:
    if type(error).__name__ == "PdfiumError":
        from rag.loading.formats.paged.pdf import why_unreadable

        return why_unreadable(source, error)
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    kind = suffix(source.path.name).removeprefix(".").upper()
    return UnreadableSource(f"{source.name} is no sound {kind} file: {reason}.", "Save or export it again.")


def _loader(source: Source, begin: Begin | None) -> _Loader:
    if source.path.is_dir():
        return _function("plain.text.load_text", begin)  # it reports that the folder cannot be read
    ending = suffix(source.path.name)
    # The end of `Minutes of 5.3.2024` is no suffix.
    if not ending or ending[1:].isdecimal():
        from rag.loading.content_kind import content_suffix

        ending = content_suffix(source) or ending
    if ending not in LOADERS:
        what = f"no loader for {ending!r} files" if ending else "its content is of no known format"
        raise UnsupportedFormat(f"{source.name}: {what}.", "Save it as PDF, DOCX, HTML or text, or leave it out.")
    return _function(LOADERS[ending], begin)


def _function(path: str, begin: Begin | None) -> _Loader:
    module, _, name = path.rpartition(".")
    function: Any = getattr(import_module(f"rag.loading.formats.{module}"), name)
    return (lambda source: function(source, partial(load, begin=begin))) if module in NESTING else function
