"""Remembers in one JSON file the pages that were read of sites, each with its marks of change, links and documents."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rag.core.errors import IndexWriteFailed, InvalidInput
from rag.core.files.durable_files import exclusive, replace_file
from rag.core.files.safe_json import json_value

CRAWL_SCHEMA = "pincite-crawls-1"


@dataclass(frozen=True)
class CrawledPage:
    """A page as it was read last: `run` names the crawl, `etag` and `changed` are the server's marks of its content."""

    run: str
    depth: int
    etag: str = ""
    changed: str = ""
    links: tuple[str, ...] = ()
    document_ids: tuple[str, ...] = ()


@dataclass
class SiteState:
    """What is known of a site: the crawl that reads it, whether it has come to its end, and the pages."""

    run: str = ""
    is_complete: bool = True
    pages: dict[str, CrawledPage] = field(default_factory=dict)


class CrawlFile:
    """The states of all sites that one index was fed from."""

    def __init__(self, file: Path) -> None:
        """Read nothing yet."""
        self._file = file

    def state(self, site: str) -> SiteState:
        """Return the state of a site, an empty one if it was never read. Raises InvalidInput."""
        return _state(self._read().get(site, {}))

    def write(self, site: str, state: SiteState) -> None:
        """Store the state of a site. Raises IndexWriteFailed."""
        try:
            with exclusive(self._file):
                sites = {**self._read(), site: asdict(state)}
                content = {"schema": CRAWL_SCHEMA, "sites": sites}
                replace_file(self._file, json.dumps(content, ensure_ascii=False).encode())
        except OSError as error:
            raise IndexWriteFailed(
                f"The state of the crawl could not be stored: {error}.", "Free disk space."
            ) from None

    def _read(self) -> Mapping[str, Any]:
        if not self._file.exists():
            return {}
        try:
            content = json_value(self._file.read_text(encoding="utf-8"))
            if content["schema"] != CRAWL_SCHEMA:
                raise ValueError(f"schema {content['schema']!r}")
            return dict(content["sites"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            what = f"The state of crawls in {self._file} cannot be read: {error}."
            raise InvalidInput(what, "Delete the file; then every page is read again.") from None


def _state(stored: Mapping[str, Any]) -> SiteState:
    pages = {address: _page(page) for address, page in stored.get("pages", {}).items()}
    return SiteState(stored.get("run", ""), stored.get("is_complete", True), pages)


def _page(stored: dict[str, Any]) -> CrawledPage:
    return CrawledPage(**{**stored, "links": tuple(stored["links"]), "document_ids": tuple(stored["document_ids"])})
