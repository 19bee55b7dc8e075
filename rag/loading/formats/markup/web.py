"""Loads web addresses, when asked to: within limits of size and time, and never from a private address.

The name is resolved once, every address it stands for must be public, and the connection goes to the one that was
checked; a redirect is checked in the same way. So a name that changes its address in between cannot lead inside.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from rag.core.errors import InvalidInput, LoadError, UnreadableSource
from rag.core.types import Document
from rag.loading.media_types import SUFFIX_OF_MEDIA_TYPE
from rag.loading.sources import Source

MAX_RESPONSE_BYTES = 20_000_000
"""Bytes of a response."""
MAX_WEB_SECONDS = 30.0
"""Time for an address with its redirects."""
MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
_TRANSLATED = tuple(map(ipaddress.ip_network, ("64:ff9b::/32", "2002::/16", "2001::/32")))
"""Networks whose addresses stand for others, which may be private."""
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class WebAnswer:
    """What an address answered: the last address after redirects, the kind of content, and the bytes.

    `headers` have their names in lower case. There are bytes only if the status is 200.
    """

    url: str
    kind: str
    data: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def is_web_address(path: str) -> bool:
    """Tell whether `path` is a web address and no file."""
    return path.lower().startswith(("http://", "https://"))


def is_public(address: IpAddress) -> bool:
    """Tell whether an address is reachable for everyone: not private, loopback, link-local, reserved or multicast."""
    judged: IpAddress = getattr(address, "ipv4_mapped", None) or address
    barred = judged.is_multicast or judged.is_reserved or any(judged in network for network in _TRANSLATED)
    return judged.is_global and not barred


def load_url(
    url: str,
    load: Callable[[Source], Iterator[Document | LoadError]],
    allowed: Callable[[IpAddress], bool] = is_public,
) -> Iterator[Document | LoadError]:
    """Yield the documents at a web address, read with `load`; their id is the address. Never raises.

    `allowed` judges every network address before it is connected to.
    """
    try:
        answer = fetched(url, allowed)
        if answer.status != 200:
            raise refusal_of(answer)
    except LoadError as error:
        yield error
        return
    yield from documents_of(answer, url, load)


def refusal_of(answer: WebAnswer) -> UnreadableSource:
    """Return the error of an address that answers with no content."""
    phrase = http.client.responses.get(answer.status, "")
    return UnreadableSource(f"{answer.url} answers {answer.status} {phrase}.", "Check it in a browser.")


def documents_of(
    answer: WebAnswer, document_id: str, load: Callable[[Source], Iterator[Document | LoadError]]
) -> Iterator[Document | LoadError]:
    """Yield the documents in an answer, read with `load`, under an id. Never raises."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"page{_suffix(answer)}"
        path.write_bytes(answer.data)
        for item in load(Source(path, document_id, display_name=document_id, depth=1)):
            if isinstance(item, Document):
                metadata = {"uri": answer.url, **item.metadata}
                item = replace(item, metadata=metadata, source_path=None)
            yield item


def is_any_kind(kind: str) -> bool:
    """Tell that a content of any kind is read."""
    return True


@dataclass(frozen=True)
class WebQuestion:
    """How an address is asked: with which headers, whether redirects are followed, which part of the answer is read."""

    headers: Mapping[str, str] = field(default_factory=dict)
    follows: bool = True
    is_read: Callable[[str], bool] = is_any_kind
    max_bytes: int = MAX_RESPONSE_BYTES


PLAIN_QUESTION = WebQuestion()


def fetched(
    url: str, allowed: Callable[[IpAddress], bool] = is_public, question: WebQuestion = PLAIN_QUESTION
) -> WebAnswer:
    """Return the answer of an address, whatever its status. Raises UnreadableSource if there is none.

    `allowed` judges every network address before it is connected to.
    """
    try:
        return _fetched(url, allowed, question)
    except (OSError, ValueError, http.client.HTTPException) as error:
        what = f"{url} cannot be read: {error or type(error).__name__}."
        raise UnreadableSource(what, "Check it in a browser.") from None


def _fetched(url: str, allowed: Callable[[IpAddress], bool], question: WebQuestion) -> WebAnswer:
    until = time.monotonic() + MAX_WEB_SECONDS
    for _ in range(MAX_REDIRECTS + 1):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise UnreadableSource(f"{url} is no plain web address.", "Give one like https://example.org/page.")
        with closing(_connected(parts, _checked_address(parts, allowed), until)) as connection:
            with _deadline(connection, until):
                answer = _asked(connection, parts, question.headers)
                kind = answer.headers.get_content_type()
                is_read = answer.status == 200 and question.is_read(kind)
                body = _body(answer, url, until, question.max_bytes) if is_read else b""
            if question.follows and answer.status in REDIRECTS and answer.headers["Location"]:
                url = urljoin(url, answer.headers["Location"])
                continue
            if is_read and answer.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise UnreadableSource(f"{url} answers packed, though asked not to.", "Save the page as a file.")
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return WebAnswer(url, kind, body, answer.status, headers)
    raise UnreadableSource(f"{url} redirects more than {MAX_REDIRECTS} times.", "Give the last address.")


def _checked_address(parts: SplitResult, allowed: Callable[[IpAddress], bool]) -> tuple[str, int]:
    """Return the network address and port of a host. Raises UnreadableSource if any of its addresses is barred."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    addresses = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    for _, _, _, _, place in addresses:
        address = ipaddress.ip_address(str(place[0]).partition("%")[0])
        if not allowed(address):
            what = f"{parts.geturl()} leads to {address}, which is not a public address."
            raise UnreadableSource(what, "Private addresses are never read; save the page as a file.")
    return str(addresses[0][4][0]), port


def _connected(parts: SplitResult, place: tuple[str, int], until: float) -> http.client.HTTPConnection:
    opened = socket.create_connection(place, timeout=_left(until))
    if parts.scheme == "https":
        opened = ssl.create_default_context().wrap_socket(opened, server_hostname=parts.hostname)
    connection = http.client.HTTPConnection(parts.hostname or "", place[1], timeout=_left(until))
    connection.sock = opened  # the one that was checked: the library would resolve the name again
    return connection


def _asked(
    connection: http.client.HTTPConnection, parts: SplitResult, headers: Mapping[str, str]
) -> http.client.HTTPResponse:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc.rpartition("@")[2]
    connection.putrequest("GET", target, skip_host=True, skip_accept_encoding=True)
    for name, value in {"Host": host, "User-Agent": "pincite", "Accept-Encoding": "identity", **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    return connection.getresponse()


def _body(answer: http.client.HTTPResponse, url: str, until: float, max_bytes: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := answer.read1(65_536):
        pieces.append(piece)
        size += len(piece)
        if size > max_bytes:
            what = f"{url} answers with more than {max_bytes} bytes."
            raise UnreadableSource(what, "Save it as a file and index that.")
    _left(until)  # a connection that is shut at the deadline looks like the end
    if answer.length:
        raise http.client.IncompleteRead(b"", answer.length)
    return b"".join(pieces)


@contextmanager
def _deadline(connection: http.client.HTTPConnection, until: float) -> Iterator[None]:
    """Shut the connection down at the deadline, because a timeout of the socket restarts with every byte."""
    timer = threading.Timer(_left(until), connection.sock.shutdown, [socket.SHUT_RDWR])
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException):
        _left(until)  # a connection that is shut before the head of the answer looks like a broken one
        raise
    finally:
        timer.cancel()


def _left(until: float) -> float:
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError(f"it took more than {MAX_WEB_SECONDS:.0f} seconds")
    return seconds


def _suffix(answer: WebAnswer) -> str:
    """Return the suffix of the media type; if that is unknown, of the address."""
    if answer.kind in SUFFIX_OF_MEDIA_TYPE:
        return SUFFIX_OF_MEDIA_TYPE[answer.kind]
    name = unquote(urlsplit(answer.url).path).rpartition("/")[2]
    ending = name[name.rfind(".") :] if "." in name else ""
    return ending if ending[1:].isalnum() and ending.isascii() else ".html"


def with_web_addresses(
    paths: Iterable[str], load: Callable[[Source], Iterator[Document | LoadError]], allow_network: bool
) -> tuple[list[Path | Document], list[tuple[str, LoadError]]]:
    """Return the paths and the documents of the web addresses, then each failed address with its error.

    Raises InvalidInput if web addresses are not allowed, or if every source failed.
    """
    sources: list[Path | Document] = []
    failed: list[tuple[str, LoadError]] = []
    for path in paths:
        if not is_web_address(path):
            sources.append(Path(path))
            continue
        if not allow_network:
            raise InvalidInput(f"{path} is a web address.", "Web addresses are read only with --allow-network.")
        for item in load_url(path, load):
            if isinstance(item, Document):
                sources.append(item)
            else:
                failed.append((path, item))
    if failed and not sources:
        raise InvalidInput(failed[0][1].message, failed[0][1].remedy)
    return sources, failed
