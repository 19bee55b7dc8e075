"""Reads the streams of compound files (OLE), as Outlook messages are, by olefile."""

from io import BytesIO
from typing import Any


class CompoundFile:
    """The streams of a compound file by their paths, such as `__attach_version1.0_#00000000/__substg1.0_37010102`."""

    def __init__(self, data: bytes) -> None:
        """Read the table of contents. Raises ValueError if the bytes are no sound compound file."""
        from olefile import OleFileIO

        try:
            self._file: Any = OleFileIO(BytesIO(data))
            self.streams = frozenset("/".join(path) for path in self._file.listdir())
        except Exception as error:  # a damaged file can make olefile raise anything
            raise ValueError(f"it is damaged, or no compound file ({type(error).__name__})") from None

    def read(self, path: str) -> bytes:
        """Return the bytes of a stream. Raises ValueError if there is none or it is cut off."""
        names = path.split("/")
        try:
            data, size = bytes(self._file.openstream(names).read()), int(self._file.get_size(names))
        except Exception as error:
            raise ValueError(f"a stream is damaged ({type(error).__name__})") from None
        if len(data) < size:
            raise ValueError("a stream is cut off")
        return data
