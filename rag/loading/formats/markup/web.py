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
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
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
_TRANSLATED = tuple(map(ipaddress.ip_network, ("64:ff9b::/32", "2002::/16", "2001::/32")))
"""Networks whose addresses stand for others, which may be private."""
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class _Answer:
    """What an address answered: the last address after redirects, the kind of content, and the bytes."""

    url: str
    kind: str
    data: bytes


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
        answer = _fetched(url, allowed)
    except LoadError as error:
        yield error
        return
    except (OSError, ValueError, http.client.HTTPException) as error:
        yield UnreadableSource(f"{url} cannot be read: {error or type(error).__name__}.", "Check it in a browser.")
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"page{_suffix(answer)}"
        path.write_bytes(answer.data)
        for item in load(Source(path, url, display_name=url, depth=1)):
            if isinstance(item, Document):
                metadata = {"uri": answer.url, **item.metadata}
                item = replace(item, metadata=metadata, source_path=None)
            yield item


def _fetched(url: str, allowed: Callable[[IpAddress], bool]) -> _Answer:
    until = time.monotonic() + MAX_WEB_SECONDS
    for _ in range(MAX_REDIRECTS + 1):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise UnreadableSource(f"{url} is no plain web address.", "Give one like https://example.org/page.")
        with closing(_connected(parts, _checked_address(parts, allowed), until)) as connection:
            with _deadline(connection, until):
                answer = _asked(connection, parts)
                body = _body(answer, url, until) if answer.status == 200 else b""
            if answer.status in (301, 302, 303, 307, 308) and answer.headers["Location"]:
                url = urljoin(url, answer.headers["Location"])
                continue
            if answer.status != 200:
                raise UnreadableSource(f"{url} answers {answer.status} {answer.reason}.", "Check it in a browser.")
            if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise UnreadableSource(f"{url} answers packed, though asked not to.", "Save the page as a file.")
            return _Answer(url, answer.headers.get_content_type(), body)
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


def _asked(connection: http.client.HTTPConnection, parts: SplitResult) -> http.client.HTTPResponse:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc.rpartition("@")[2]
    connection.putrequest("GET", target, skip_host=True, skip_accept_encoding=True)
    for name, value in (("Host", host), ("User-Agent", "pincite"), ("Accept-Encoding", "identity")):
        connection.putheader(name, value)
    connection.endheaders()
    return connection.getresponse()


def _body(answer: http.client.HTTPResponse, url: str, until: float) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := answer.read1(65_536):
        pieces.append(piece)
        size += len(piece)
        if size > MAX_RESPONSE_BYTES:
            what = f"{url} answers with more than {MAX_RESPONSE_BYTES} bytes."
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


def _suffix(answer: _Answer) -> str:
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
