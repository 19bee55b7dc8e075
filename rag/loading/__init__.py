"""Turns files into Documents: the text exactly as decoded, with its title and metadata.

`LOADERS` says which function reads which suffix; a new format is a new module and a new line there.
"""

from collections.abc import Callable, Iterator

from rag.errors import LoadError, UnreadableSource, UnsupportedFormat
from rag.loading.archives import TAR, load_tar, load_zip
from rag.loading.docx import load_docx
from rag.loading.epub import load_epub
from rag.loading.html import load_html
from rag.loading.jsonl import load_jsonl
from rag.loading.mail import load_mail
from rag.loading.markdown import load_markdown
from rag.loading.office import load_pptx
from rag.loading.pdf import load_pdf, why_unreadable
from rag.loading.rst import load_rst
from rag.loading.rtf import load_rtf
from rag.loading.sheets import load_xlsx
from rag.loading.sources import Source, discover, file_sha256, unreadable
from rag.loading.tables import load_csv, load_json
from rag.loading.text import load_text
from rag.types import Document

__all__ = ["LOADERS", "Source", "discover", "file_sha256", "load", "suffix"]

_Loader = Callable[[Source], Iterator[Document | LoadError]]

LOADERS: dict[str, _Loader] = {
    ".txt": load_text,
    ".text": load_text,
    ".md": load_markdown,
    ".markdown": load_markdown,
    ".jsonl": load_jsonl,
    ".jsonl.gz": load_jsonl,
    ".html": load_html,
    ".htm": load_html,
    ".xhtml": load_html,
    ".pdf": load_pdf,
    ".docx": load_docx,
    ".pptx": load_pptx,
    ".xlsx": load_xlsx,
    ".xlsm": load_xlsx,
    ".epub": load_epub,
    ".rtf": load_rtf,
    ".rst": load_rst,
    ".eml": lambda source: load_mail(source, load),
    ".csv": load_csv,
    ".tsv": load_csv,
    ".json": load_json,
    ".zip": lambda source: load_zip(source, load),
    **dict.fromkeys(TAR, lambda source: load_tar(source, load)),
}


def load(source: Source) -> Iterator[Document | LoadError]:
    """Yield the documents of a source; what cannot be read is yielded as an error that names the file (and line).

    Never raises: the rest of a JSON Lines file goes on after a bad row.
    """
    try:
        yield from _loader(source)(source)
    except LoadError as error:
        yield error
    except OSError as error:
        yield unreadable(source.path, error)
    except Exception as error:  # libraries raise anything on a damaged file, which must not stop the others
        yield _damaged(source, error)


def suffix(name: str) -> str:
    """Return the suffix that chooses the loader, in lower case: `.jsonl.gz` for `Rows.JSONL.gz`, `.md` for `a.b.md`."""
    lower = name.lower()
    known = [ending for ending in LOADERS if lower.endswith(ending)]
    return max(known, key=len) if known else lower[lower.rfind(".") :] if "." in lower else ""


def _damaged(source: Source, error: Exception) -> UnreadableSource:
    if type(error).__name__ == "PdfiumError":
        return why_unreadable(source, error)
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    kind = suffix(source.path.name).removeprefix(".").upper()
    return UnreadableSource(f"{source.name} is no sound {kind} file: {reason}.", "Save or export it again.")


def _loader(source: Source) -> _Loader:
    if source.path.is_dir():
        return load_text  # which says that a folder, listed because it may not be opened, cannot be read
    ending = suffix(source.path.name)
    if ending not in LOADERS:
        what = f"no loader for {ending!r} files" if ending else "no loader for files without a suffix"
        raise UnsupportedFormat(f"{source.name}: {what}.", f"Supported: {', '.join(LOADERS)}.")
    return LOADERS[ending]
