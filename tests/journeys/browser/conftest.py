"""Shared parts of the browser tests: one Chromium, one index, one server."""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from rag.answering.assistant import Assistant
from rag.index.index import Index
from tests.journeys.browser.articles import write
from tests.journeys.browser.served import browsing, chromium, served
from tests.journeys.browser.watching import Watched, watching

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

MISSING = "no Chromium on this machine: apt-get install chromium"
WAIT_MILLISECONDS = 120_000
"""No test waits for less: on a busy machine a page takes many times longer than alone."""
expect.set_options(timeout=WAIT_MILLISECONDS)

held = ExitStack()
"""The browser, for as long as there are browser tests."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """End the browser after the last test of this folder: as long as it runs, no other test can run an event loop."""
    yield
    if nextitem is None or Path(__file__).parent not in nextitem.path.parents:
        held.close()


@pytest.fixture(scope="session")
def browser() -> Browser:
    """Give a headless Chromium; without one the tests are skipped, and fail where `CI` is set."""
    if chromium() is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    return held.enter_context(browsing())


@pytest.fixture(scope="session")
def articles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the seed articles and some that are hard to show."""
    return write(tmp_path_factory.mktemp("articles"))


@pytest.fixture(scope="session")
def index(articles: Path, embedder: "Embedder", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of their index."""
    path = tmp_path_factory.mktemp("built") / "index"
    Index.build(articles, path, embedder=embedder).close()
    return path


@pytest.fixture
def assistant(index: Path, embedder: "Embedder") -> Assistant:
    """Return an assistant over the index as it is now."""
    return Assistant(Index.open(index, embedder))


@pytest.fixture(scope="session")
def address(browser: Browser, index: Path) -> Iterator[str]:
    """Give the address of the page."""
    with served(index) as found:
        yield found


@pytest.fixture(scope="session")
def context(browser: Browser, address: str) -> BrowserContext:
    """Give a profile whose cache all tests share, so that the page opens quickly."""
    found = browser.new_context(reduced_motion="reduce", accept_downloads=True)
    found.set_default_timeout(WAIT_MILLISECONDS)
    found.grant_permissions(["clipboard-read", "clipboard-write"], origin=address.rstrip("/"))
    found.add_init_script("sessionStorage.begun ? null : (localStorage.clear(), (sessionStorage.begun = 'yes'))")
    return found


@pytest.fixture
def watched(context: BrowserContext, address: str) -> Iterator[Watched]:
    """Give the page, opened and watched."""
    with watching(context, address) as seen:
        yield seen
