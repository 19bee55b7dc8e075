"""Believes the name of a user that a trusted proxy sends in a header, and removes it from everybody else's requests."""

import ipaddress
import re
from collections.abc import Callable

from rag.core.errors import InvalidSettings
from rag.core.settings import Options
from rag.server.asgi import App, Message, Receive, Send

PROXY_USER_KEY = "pincite.proxy_user"
"""Key of the scope under which the name is passed on."""
HEADER_NAME = re.compile("[A-Za-z0-9-]{1,64}")


class ProxyUser:
    """ASGI middleware before all others, because these replace the address of the proxy by that of its client."""

    def __init__(self, app: App, header: str, trusted: Callable[[str], bool]) -> None:
        """Wrap `app`; `trusted` tells whether an address is that of the proxy."""
        self._app, self._name, self._trusted = app, header.lower().encode(), trusted

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass on a request without the header, with the name in its scope if the proxy sent one."""
        if scope["type"] == "http":
            values = [value for name, value in scope["headers"] if name.lower() == self._name]
            peer = str((scope.get("client") or ("",))[0])
            scope["headers"] = [pair for pair in scope["headers"] if pair[0].lower() != self._name]
            # Two headers mean that the proxy passed on one of its client's: then nobody is named.
            scope[PROXY_USER_KEY] = (
                values[0].decode("latin-1").strip() if len(values) == 1 and self._trusted(peer) else ""
            )
        await self._app(scope, receive, send)


def trusted_addresses(options: Options) -> Callable[[str], bool]:
    """Return what tells whether an address is that of the proxy which names users.

    Raises InvalidSettings if `options` name no such proxy, or believe everybody.
    """
    if not HEADER_NAME.fullmatch(options.trust_proxy_user):
        what = f"Setting trust_proxy_user={options.trust_proxy_user!r} is no name of a header."
        raise InvalidSettings(what, "Give one such as X-Forwarded-User.")
    try:
        networks = [ipaddress.ip_network(part.strip()) for part in options.proxy.split(",")]
    except ValueError:
        what = f"--trust-proxy-user needs the address of the proxy, and --proxy is {options.proxy!r}."
        raise InvalidSettings(what, "Name it: --proxy 10.0.0.2") from None
    if any(network.prefixlen == 0 for network in networks):
        raise InvalidSettings(f"--proxy {options.proxy} believes everybody.", "Name the address of the proxy.")

    def trusted(peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in network for network in networks)

    return trusted
