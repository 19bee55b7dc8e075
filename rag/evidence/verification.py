"""Checks an evidence pack, and how its quotations stand in an index today."""

import json
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

from rag.core.configuration import require_file
from rag.core.errors import InvalidInput
from rag.evidence.check_pack import check
from rag.evidence.pack import MAX_PACKED_RESPONSES, PACK_MANIFEST, PASSAGES, RESPONSES, SEAL

if TYPE_CHECKING:
    from rag.answering.assistant import Assistant
    from rag.answering.recheck import Recheck

MAX_PACK_BYTES = 1 << 30


@dataclass(frozen=True)
class PackReport:
    """The faults of a pack, each with its place, the key that it is signed with, and its responses.

    If there is a fault, `responses` is empty: nothing of the pack is believed.
    """

    faults: tuple[str, ...]
    key: str | None = None
    responses: tuple[dict[str, Any], ...] = ()
    made_at: str | None = None


def verify_pack(file: Path, trusted_key: str | None = None) -> PackReport:
    """Return what is wrong with a pack. With `trusted_key` it must be signed with this key.

    Raises InvalidInput if the file cannot be read.
    """
    require_file(file, "Give a file that `rag evidence` wrote.")
    try:
        if file.stat().st_size > MAX_PACK_BYTES:
            raise InvalidInput(f"{file} is larger than {MAX_PACK_BYTES:,} bytes.", "Pack fewer answers in one file.")
        content = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"Cannot read {file}: {error}.", "Check its permissions.") from None
    faults, key = check(content, trusted_key or "")
    if faults:
        return PackReport(tuple(faults), key)
    with ZipFile(BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    try:
        if key is not None and find_spec("cryptography") and not _signature_holds(files, key):
            return PackReport((f"{SEAL}: the signature is not that of the key",), key)
        responses, passages = json.loads(files[RESPONSES]), json.loads(files[PASSAGES])["passages"]
        faults = [fault for i, response in enumerate(responses) for fault in _misquoted(i, response, passages[i])]
        made_at = str(json.loads(files[PACK_MANIFEST])["made_at"])
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        return PackReport((f"{PASSAGES} or {RESPONSES}: {type(error).__name__} {error}",), key)
    return PackReport(tuple(faults), key, () if faults else tuple(responses[:MAX_PACKED_RESPONSES]), made_at)


def rechecked(report: PackReport, assistant: "Assistant") -> "list[Recheck]":
    """Return what became of each citation of a pack in the index of `assistant`."""
    return [recheck for response in report.responses for recheck in assistant.verify(response)]


def _signature_holds(files: dict[str, bytes], key: str) -> bool:
    """Check the signature a second time, with another program than `check` has."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    signature = bytes.fromhex(files[SEAL].decode("ascii").split("\n")[1])
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, files[PACK_MANIFEST])
    except InvalidSignature:
        return False
    return True


def _misquoted(number: int, response: dict[str, Any], passages: list[dict[str, Any]]) -> list[str]:
    """Return a line for each quotation of a response that its passage does not hold word for word."""
    from rag.evidence.passages import quotations

    lines = []
    for (_, citation), passage in zip(quotations(response), passages, strict=True):
        start, end = passage["quote"]["start"], passage["quote"]["end"]
        offset, quote = citation["document_offset"], citation["selector"][0]["exact"]
        if passage["text"][start:end] != quote or passage["start"] + start != offset["start"]:
            lines.append(f"{PASSAGES}: response {number + 1}, {citation['document_id']!r}: the quotation is not there")
    return lines
