"""Holds what whoever serves the page may decide: where, for whom, and how much of it."""

from dataclasses import dataclass

from rag.errors import InvalidSettings

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Options:
    """How the page is served."""

    host: str = "127.0.0.1"
    port: int = 7860
    auth: tuple[str, str] | None = None
    """Name and password that a visitor must give."""
    readonly: bool = False
    """Visitors may ask; nothing they do is written."""
    questions_a_minute: int = 120
    """Questions of one client; a file of questions counts each."""
    upload_megabytes: int = 50
    """Longest file that is taken."""

    def __post_init__(self) -> None:
        """Refuse limits that let nothing through."""
        for name in ("questions_a_minute", "upload_megabytes"):
            if getattr(self, name) < 1:
                raise InvalidSettings(f"{name} is {getattr(self, name)}.", "Give 1 or more.")

    @property
    def local(self) -> bool:
        """Tell whether only this machine can reach the page."""
        return self.host in LOOPBACK


def name_and_password(given: str) -> tuple[str, str]:
    """Return the two halves of `name:password`. Raises InvalidSettings where one is missing; it is not repeated."""
    name, colon, password = given.partition(":")
    if not (name and colon and password):
        raise InvalidSettings("The login is not of the form name:password.", "Give both: rag serve --auth ann:secret")
    return name, password
