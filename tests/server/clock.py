"""A clock that a test sets."""


class Clock:
    """Tells the time `now`, in seconds."""

    def __init__(self, now: float = 0.0) -> None:
        """Begin at a time."""
        self.now = now

    def __call__(self) -> float:
        """Return the time."""
        return self.now
