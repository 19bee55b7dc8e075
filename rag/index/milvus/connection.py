"""Calls a Milvus server, and tells what goes wrong as an error of ours.

Each call ends within the time-out, or half of it later where the client connects anew at its end.
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
PAUSE = 0.2
PERMANENT = frozenset({100, 700, 1100, 1101, 1102, 1804})
"""Codes of what trying again would not mend: no such collection or index, and what a request must not ask for."""
ONLY_HERE = "lite"


class Connection:
    """A client of one server; the same for all who ask at this address."""

    def __init__(self, address: Address) -> None:
        """Connect. Raises IndexUnreachable, InvalidInput where the extra is not installed."""
        self.address = address
        try:
            from pymilvus import MilvusClient
        except ImportError:
            raise InvalidInput(
                f"{address.shown} needs the client of Milvus.", "Install it: pip install 'pincite[milvus]'"
            ) from None
        # What the client logs of its own attempts is told by our errors.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
        given: dict[str, Any] = {"token": address.token} if address.token else {}
        # Else all clients of a server connect anew within the time-out of the first of them. A file has one client.
        given |= {} if address.uri.startswith("/") else {"dedicated": True}
        self._client: Any = self._tried(
            lambda timeout: MilvusClient(
                address.uri, db_name=address.database, timeout=min(timeout, address.timeout / 2), **given
            ),
            "connect",
        )

    def __call__(self, method: str, *values: Any, patience: float | None = None, **options: Any) -> Any:
        """Return what a method of the client returns, tried again until the time-out while the server cannot.

        `patience` is the time-out in seconds, in place of the address's. Raises IndexUnreachable.
        """
        call = getattr(self._client, method)
        return self._tried(lambda timeout: call(*values, timeout=timeout, **options), method, patience)

    @cached_property
    def version(self) -> str:
        """Return the version of the server, such as 2.3.5."""
        return str(self("get_server_version")).removeprefix("v")

    @cached_property
    def has_full_text(self) -> bool:
        """Tell whether the server can rank by BM25."""
        if ONLY_HERE in self.version and self.address.uri.startswith("/"):
            return True
        numbers = re.match(r"(\d+)\.(\d+)", self.version)
        return numbers is not None and (int(numbers[1]), int(numbers[2])) >= FULL_TEXT_SINCE

    def written_until(self, collection: str) -> int:
        """Return the server's time stamp of the last write of this process to a collection, 0 where it is not known."""
        try:
            from pymilvus.client.ts_utils import get_collection_ts
        except ImportError:
            return 0
        handler = getattr(self._client, "_handler", None)
        endpoint = getattr(handler, "server_address", None) or self.address.uri.split("//")[-1]
        return int(get_collection_ts(collection, str(endpoint), self.address.database or "default") or 0)

    def _tried(self, call: Any, doing: str, patience: float | None = None) -> Any:
        from grpc import RpcError
        from pymilvus.exceptions import MilvusException

        end = time.monotonic() + (patience or self.address.timeout)
        while True:
            try:
                return call(max(0.1, end - time.monotonic()))
            except (MilvusException, RpcError, OSError) as error:
                over = time.monotonic() + PAUSE >= end
                if over or getattr(error, "code", None) in PERMANENT:
                    raise self._unreachable(doing, error) from error
            time.sleep(PAUSE)

    def _unreachable(self, doing: str, error: Exception) -> IndexUnreachable:
        said = " ".join(str(getattr(error, "message", "") or error).split())[:300]
        return IndexUnreachable(
            f"Milvus did not answer {doing!r} for {self.address.shown}: {said}.".replace("..", "."),
            "See that the server runs and can be reached; questions go on by themselves when it is back.",
        )


@lru_cache(maxsize=16)
def connected(address: Address) -> Connection:
    """Return the connection to an address, the one that is there where there is one."""
    return Connection(address)
