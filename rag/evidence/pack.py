"""Packs responses with their proof into one ZIP: page, responses, passages, hashes, settings, and a signed manifest.

    evidence.html     the answers with their sources and page pictures; opens offline in a browser
    responses.json    the responses, as `rag ask --json` prints them but for their timings; `rag verify` reads them
    passages.json     documents with their hashes, and the text around each quotation
    verify.py         checks the pack with Python alone (`rag.evidence.check_pack`)
    manifest.json     the sha256 of each of these files, index, settings, time and public key
    seal.txt          the sha256 of manifest.json, and its signature if the pack is signed

The same responses, index, key and time give the same bytes.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag import __version__
from rag.core.errors import InvalidInput
from rag.evidence import check_pack
from rag.evidence.check_pack import zipped
from rag.evidence.offline_page import offline_page, section_of
from rag.evidence.passages import Passage, PassageFinder
from rag.loading.pages.pdf_originals import PdfOriginals

if TYPE_CHECKING:
    from rag.answering.assistant import Assistant
    from rag.core.response import Response
    from rag.evidence.keys import SigningKey

PACK_SCHEMA = "pincite-evidence-1"
PAGE, RESPONSES, PASSAGES, SCRIPT = "evidence.html", "responses.json", "passages.json", "verify.py"
PACK_MANIFEST, SEAL = "manifest.json", "seal.txt"
MAX_PACKED_RESPONSES = 1_000


def evidence_pack(
    assistant: "Assistant",
    responses: "Sequence[Response | Mapping[str, Any]]",
    key: "SigningKey | None" = None,
    pages: PdfOriginals | None = None,
    made_at: datetime | None = None,
) -> bytes:
    """Return the ZIP of responses that `assistant` or a saved file gave, signed if a key is given.

    `pages` draws PDF pages; without it the pack has no pictures. Raises InvalidInput if there is no response, or if a
    cited document has changed since.
    """
    if not 1 <= len(responses) <= MAX_PACKED_RESPONSES:
        raise InvalidInput(f"There are {len(responses):,} responses.", f"Pack 1 to {MAX_PACKED_RESPONSES:,} at once.")
    index = assistant.index.snapshot()
    finder = PassageFinder(index, pages)
    answered = [_answered(response, finder) for response in responses]
    manifest = {
        "schema": PACK_SCHEMA,
        "made_at": (made_at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds"),
        "pincite": __version__,
        "responses": len(answered),
        "index": index.info.to_dict(),
        "settings": asdict(assistant.settings),
        "key": None if key is None else key.public,
    }
    files = {
        PAGE: offline_page(manifest, answered),
        RESPONSES: _json([content for content, _ in answered]),
        PASSAGES: _json(_passages([passages for _, passages in answered])),
        SCRIPT: Path(check_pack.__file__).read_bytes(),
    }
    return zipped(_sealed(files, manifest, key))


def _sealed(files: dict[str, bytes], manifest: Mapping[str, Any], key: "SigningKey | None") -> dict[str, bytes]:
    """Return the files with their manifest and its seal."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    content = _json({**manifest, "files": hashes})
    seal = f"{hashlib.sha256(content).hexdigest()}\n" + ("" if key is None else f"{key.signature(content)}\n")
    return {**files, PACK_MANIFEST: content, SEAL: seal.encode("ascii")}


def _answered(
    response: "Response | Mapping[str, Any]", finder: PassageFinder
) -> tuple[Mapping[str, Any], Sequence[Passage]]:
    """Return the JSON of a response, without its timings, and its passages. Raises InvalidInput if a part is wrong."""
    saved = response if isinstance(response, Mapping) else response.to_dict()
    content = {**saved, "timings_ms": {}}
    try:
        passages = finder.passages(content)
        section_of(content, passages)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        what = f"This is not a whole saved response: {type(error).__name__} {error}."
        raise InvalidInput(what, "Give the output of rag ask --json.") from None
    return content, passages


def _passages(lists: Sequence[Sequence[Passage]]) -> dict[str, Any]:
    documents = {passage.document.id: passage.document for passages in lists for passage in passages}
    facts = {
        document.id: {
            "title": document.title,
            "format": document.format,
            "source_path": document.source_path,
            "source_sha256": document.source_sha256,
            "text_sha256": document.text_sha256,
            "length": len(document.text),
        }
        for document in documents.values()
    }
    return {"documents": facts, "passages": [[_described(passage) for passage in passages] for passages in lists]}


def _described(passage: Passage) -> dict[str, Any]:
    start, end = passage.quote
    return {
        "document_id": passage.document.id,
        "start": passage.start,
        "end": passage.start + len(passage.text),
        "text": passage.text,
        "quote": {"start": start, "end": end},
        "pages": [
            {
                "page_number": picture.page_number,
                "picture_sha256": hashlib.sha256(picture.png).hexdigest(),
                "boxed": picture.boxed,
            }
            for picture in passage.pictures
        ],
        "pages_note": passage.pages_note,
    }


def _json(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1).encode("utf-8") + b"\n"
