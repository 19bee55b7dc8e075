"""Lets a loader that works long on one file say that it is at work, so that nobody takes it for stuck."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LISTENER: ContextVar[Callable[[float], None] | None] = ContextVar("listener", default=None)


def report_alive(seconds: float) -> None:
    """Tell whoever waits that the next part of the file begins, and may take so long."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(seconds)


@contextmanager
def heard_by(listener: Callable[[float], None]) -> Iterator[None]:
    """Call `listener` at each sign of life."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)
