"""Posts the alarms of a check as JSON to the addresses that the owner of the index has allowed, and to no other."""

import json
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rag.core.errors import InvalidInput
from rag.core.settings import LOOPBACK
from rag.standing.questions import StandingReport
from rag.standing.standing_file import StandingState, change_standing

MAX_WEBHOOKS = 10
WEBHOOK_SECONDS = 10.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would lead to an address that nobody allowed."""

    def redirect_request(self, *arguments: Any, **more: Any) -> None:
        """Return None, so that the redirect becomes an error."""


def checked_webhook(address: str) -> str:
    """Return an address that may be told: https, or http on this machine. Raises InvalidInput."""
    remedy = "Give an address such as https://example.org/hook, or http://127.0.0.1:8000/ on this machine."
    try:
        parts = urlsplit(address)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise InvalidInput(f"{address!r} is no web address.", remedy) from None
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not is_safe or not parts.hostname or not port_is_valid or parts.username or not address.isprintable():
        raise InvalidInput(f"{address!r} cannot be told.", remedy)
    return address


def set_webhook(folder: Path, address: str, allowed: bool) -> None:
    """Allow an address for the index in `folder`, or forbid it again. Raises InvalidInput."""

    def with_address(state: StandingState) -> StandingState:
        others = tuple(item for item in state.webhooks if item != address)
        if not allowed and len(others) == len(state.webhooks):
            raise InvalidInput(f"{address!r} is not allowed anyway.", "See: rag standing webhook")
        if allowed and len(others) >= MAX_WEBHOOKS:
            raise InvalidInput(f"{MAX_WEBHOOKS} addresses are allowed already.", "Remove one first.")
        return replace(state, webhooks=(*others, checked_webhook(address)) if allowed else others)

    change_standing(folder, with_address)


def tell_webhooks(addresses: Sequence[str], report: StandingReport) -> list[str]:
    """Post the alarms of a report to each address, if there are any. Return a line for each that failed."""
    alarms = report.alarms()
    if not alarms:
        return []
    content = StandingReport(report.questions, report.asked, tuple(alarms)).to_dict()
    body = json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8")
    return [line for address in addresses if (line := _post(address, body)) is not None]


def _post(address: str, body: bytes) -> str | None:
    request = urllib.request.Request(address, body, {"content-type": "application/json", "user-agent": "pincite"})
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=WEBHOOK_SECONDS):
            return None
    except (OSError, ValueError) as error:  # a URLError is an OSError
        return f"{address} could not be told: {error}"
