"""Writes the pages of a crawled site into an index, some with each commit, so that it can go on after a stop."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from rag.core.errors import LoadError
from rag.core.reports import IndexReport
from rag.core.settings import Settings
from rag.core.types import Document
from rag.index.index import Index
from rag.index.location import engine_at, require_folder
from rag.index.storage.manifest import CRAWLS
from rag.index.writing.build import WriteRequest
from rag.loading.formats.markup.web import IpAddress, is_public
from rag.loading.isolation.process import load_apart
from rag.loading.sites.crawl import CrawlLimits, CrawlStep, Load, SiteCrawl
from rag.loading.sites.crawl_file import CrawlFile

MAX_STEPS_OF_COMMIT = 100
"""So many pages are read again at most if a crawl is stopped."""
CUT = "The crawl ended at {} addresses: give a larger --pages to read the rest."
Show = Callable[[CrawlStep], None]


def crawl_into(
    path: Path,
    start: str,
    limits: CrawlLimits,
    changes: Mapping[str, Any],
    load: Load = load_apart,
    allowed: Callable[[IpAddress], bool] = is_public,
    wait: Callable[[float], None] = time.sleep,
    show: Show = lambda step: None,
) -> IndexReport:
    """Bring the pages of a site up to date in the index at `path`, which is built if there is none.

    Raises InvalidInput for an index on a server, UnreadableSource if the site cannot be read.
    """
    folder = require_folder(path, "rag crawl")
    states = CrawlFile(folder / CRAWLS)
    # Without the index, nobody knows what was read into it.
    state = states.state(start if engine_at(path).exists() else "")
    crawl = SiteCrawl(start, state, limits, load, allowed, wait)
    reports: list[IndexReport] = []
    for steps in _commits(crawl.steps(), show):
        report = _written(path, steps, changes)
        reports.append(report)
        if engine_at(path).exists():
            states.write(start, state)
    if crawl.is_cut:
        reports.append(IndexReport(notes=(CUT.format(limits.pages),)))
    return merged_reports(reports)


def merged_reports(reports: Iterable[IndexReport]) -> IndexReport:
    """Return one report of several commits."""
    lists: dict[str, tuple[Any, ...]] = {item.name: () for item in fields(IndexReport)}
    for report in reports:
        lists = {name: (*items, *getattr(report, name)) for name, items in lists.items()}
    return IndexReport(**lists)


def _commits(steps: Iterator[CrawlStep], show: Show) -> Iterator[list[CrawlStep]]:
    """Yield the steps of each commit. The last one may be empty: then the crawl has ended, which is to be stored."""
    batch: list[CrawlStep] = []
    for step in steps:
        show(step)
        batch.append(step)
        if len(batch) >= MAX_STEPS_OF_COMMIT:
            yield batch
            batch = []
    yield batch


def _written(path: Path, steps: list[CrawlStep], changes: Mapping[str, Any]) -> IndexReport:
    documents = [document for step in steps for document in step.documents]
    removed = [document_id for step in steps for document_id in step.removed]
    unchanged = tuple(step.address for step in steps if step.is_unchanged)
    errors: list[tuple[str, LoadError]] = [(step.address, step.error) for step in steps if step.error is not None]
    report = IndexReport()
    if documents or removed:
        report = _commit(path, documents, removed, changes)
    return replace(report, unchanged=(*report.unchanged, *unchanged)).with_failed(errors)


def _commit(path: Path, documents: list[Document], removed: list[str], changes: Mapping[str, Any]) -> IndexReport:
    if not engine_at(path).exists():
        return Index.build(documents, path, Settings().updated(changes)).report
    index = Index.open(path)
    try:
        index.require(index.settings.updated(changes))
        return index._rewrite(WriteRequest(documents, None, lambda store: removed))
    finally:
        index.close()
