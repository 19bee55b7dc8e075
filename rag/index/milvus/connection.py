"""Calls a Milvus server, and translates its errors.

Each call ends within the time-out, or half a time-out later if the client has to connect again at its end.
"""

import logging
import re
import time
from functools import cached_property, lru_cache
from typing import Any

from rag.core.errors import IndexUnreachable, InvalidInput
from rag.index.milvus.address import Address

log = logging.getLogger(__name__)
FULL_TEXT_SINCE = (2, 5)
RETRY_SECONDS = 0.2
PERMANENT = frozenset({100, 700, 1100, 1101, 1102, 1804})
"""Codes of errors that stay after a retry: no such collection or index, or an invalid request."""
LITE = "lite"


class Connection:
    """A client of one server, shared by all users of its address."""

    def __init__(self, address: Address) -> None:
        """Connect. Raises IndexUnreachable, and InvalidInput if the extra is not installed."""
        self.address = address
        try:
            from pymilvus import MilvusClient
        except ImportError:
            raise InvalidInput(
                f"{address.shown} needs the client of Milvus.", "Install it: pip install 'pincite-slim[milvus]'"
            ) from None
        # Our errors already say what the client logs about its attempts.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
        options: dict[str, Any] = {"token": address.token} if address.token else {}
        # Otherwise all clients of a server reconnect within the time-out of the first client. A file has one client.
        options |= {} if address.uri.startswith("/") else {"dedicated": True}
        self._client: Any = self._retried(
            lambda timeout: MilvusClient(
                address.uri, db_name=address.database, timeout=min(timeout, address.timeout / 2), **options
            ),
            "connect",
        )

    def __call__(self, method: str, *values: Any, patience: float | None = None, **options: Any) -> Any:
        """Return the result of a client method, which is retried until the time-out if the server cannot answer.

        `patience` is a time-out in seconds that replaces that of the address. Raises IndexUnreachable.
        """
        call = getattr(self._client, method)
        return self._retried(lambda timeout: call(*values, timeout=timeout, **options), method, patience)

    @cached_property
    def version(self) -> str:
        """Return the version of the server, such as 2.3.5."""
        return str(self("get_server_version")).removeprefix("v")

    @cached_property
    def has_full_text(self) -> bool:
        """Tell whether the server can rank by BM25."""
        if LITE in self.version and self.address.uri.startswith("/"):
            return True
        numbers = re.match(r"(\d+)\.(\d+)", self.version)
        return numbers is not None and (int(numbers[1]), int(numbers[2])) >= FULL_TEXT_SINCE

    def written_until(self, collection: str) -> int:
        """Return the server's time stamp of the last write of this process to a collection, 0 if it is unknown."""
        try:
            from pymilvus.client.ts_utils import get_collection_ts
        except ImportError:
            return 0
        handler = getattr(self._client, "_handler", None)
        endpoint = getattr(handler, "server_address", None) or self.address.uri.split("//")[-1]
        return int(get_collection_ts(collection, str(endpoint), self.address.database or "default") or 0)

    def _retried(self, call: Any, doing: str, patience: float | None = None) -> Any:
        from grpc import RpcError
        from pymilvus.exceptions import MilvusException

        end = time.monotonic() + (patience or self.address.timeout)
        while True:
            try:
                return call(max(0.1, end - time.monotonic()))
            except (MilvusException, RpcError, OSError) as error:
                is_over = time.monotonic() + RETRY_SECONDS >= end
                if is_over or getattr(error, "code", None) in PERMANENT:
                    raise self._unreachable(doing, error) from error
            time.sleep(RETRY_SECONDS)

    def _unreachable(self, doing: str, error: Exception) -> IndexUnreachable:
        details = " ".join(str(getattr(error, "message", "") or error).split())[:300]
        return IndexUnreachable(
            f"Milvus did not answer {doing!r} for {self.address.shown}: {details}.".replace("..", "."),
            "See that the server runs and can be reached; questions go on by themselves when it is back.",
        )


@lru_cache(maxsize=16)
def connected(address: Address) -> Connection:
    """Return the connection to an address. One connection is shared by all users."""
    return Connection(address)
