"""Opens spans of OpenTelemetry around questions and searches if it is installed (the extra `otel`).

Where the spans go, the tracer provider of the process decides. They hold figures, never what was asked or answered, nor
the words of an error, which could be a visitor's.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rag import __version__

Tell = Callable[..., None]
"""Adds figures to a span, as `pincite.NAME`; those that are None are left out."""


@contextmanager
def span(name: str) -> Iterator[Tell]:
    """Time the block, as the span `pincite.NAME`."""
    tracer = _tracer()
    if tracer is None:
        yield lambda **figures: None
        return
    from opentelemetry.trace import StatusCode

    with tracer.start_as_current_span(f"pincite.{name}", record_exception=False, set_status_on_exception=False) as own:
        try:
            yield functools.partial(_tell, own)
        except Exception as error:
            own.set_attribute("error.type", type(error).__name__)
            own.set_status(StatusCode.ERROR)
            raise


def _tell(own: Any, **figures: str | int | float | bool | None) -> None:
    own.set_attributes({f"pincite.{key}": value for key, value in figures.items() if value is not None})


@functools.cache
def _tracer() -> Any:
    try:
        from opentelemetry.trace import get_tracer
    except ImportError:
        return None
    return get_tracer("pincite", __version__)
