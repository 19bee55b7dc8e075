"""Finds the blocks that many documents share at their edges: menus, disclaimers, lines about the newsletter.

Which these are depends on the documents of an index alone, not on the order in which they came. To mask what answers
a question is the worse fault, so a block that is shared is masked only

- if enough documents have it, of which five are no copies of one another and are for the most part their own,
- at the head or the foot of a document, with nothing but other such blocks and short lines before or behind it,
- if it holds no figure and no address, is no `Chair: Ann`, and no short line by itself,
- and if the document keeps a block of its own.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from rag.chunking.boilerplate import MAX_SHORT_CHARACTERS, normal
from rag.core.types import Block, Document, Mask
from rag.index.storage.fingerprints import BLOCK_HASH, Fingerprint
from rag.index.writing.near_duplicates import likeness

KINDS = ("heading", "list_item", "paragraph")
FEWEST = 5
"""Documents that must have a block, and that must be no copies of one another."""
KIN = 0.45
"""Likeness from which documents count as copies: two that are half their own share 1/3 at most by what is repeated."""
LONGEST = 1_500
"""Characters of a block that may be masked: longer ones are articles."""
PASSED = 3
"""Short lines that may stand between repeated blocks and the edge: a date, a byline; lines like `From: Ann` besides."""
COMPANY = 3
"""Short lines that together are a menu."""
_ASKED_FOR = re.compile(r"[\d@]")
_LABEL = re.compile(r"[^\W\d_][\w ./-]{0,30}:\s*\S")
_MENU = re.compile(r"(?:[^|·•›»]+[|·•›»]){2,}")


def trace(document: Document, blocks: Sequence[Block], masks: Collection[Mask]) -> bytes:
    """Return the BLOCK_HASH of a document: hash and length of each block that `masks` (of `rag.chunking`) leave."""
    masked = {mask.span for mask in masks}
    found = [(_hash(document, block), len(block.span)) for block in blocks if block.span not in masked]
    return np.array(found, BLOCK_HASH).tobytes()


def shared_blocks(documents: Sequence[Fingerprint], share: float) -> frozenset[int]:
    """Return the blocks that at least FEWEST and this share of the documents have, none for a share of 0.

    Of documents that have one, FEWEST must be no near copies of one another, have a sketch, and consist for at least
    half of blocks that are not as frequent: where all of an article stands in many documents, they are copies of it.
    """
    if not share or not documents:
        return frozenset()
    table = np.frombuffer(b"".join(held.block_hashes for held in documents), BLOCK_HASH)
    owner = np.repeat(np.arange(len(documents)), [len(held.block_hashes) // BLOCK_HASH.itemsize for held in documents])
    holders = _holders(table["block"], owner)
    fewest = max(FEWEST, share * len(documents) - 1e-9)
    frequent = {block: found for block, found in holders.items() if len(found) >= fewest}
    common = np.isin(table["block"], [*frequent])
    lengths = [np.bincount(owner, table["length"] * part, len(documents)) for part in (~common, np.ones_like(common))]
    witness = (2 * lengths[0] >= lengths[1]) & np.array([bool(held.sketch) for held in documents], bool)
    return frozenset(
        block
        for block, found in frequent.items()
        if _are_strangers(documents[n].sketch for n in found if witness[n])
    )  # fmt: skip


def _holders(blocks: Any, owner: Any) -> dict[int, Any]:
    """Return for every block of at least FEWEST entries the owners that have it, each once, in order."""
    order = np.lexsort((owner, blocks))
    blocks, owner = blocks[order], owner[order]
    new = np.ones(len(blocks), bool)
    new[1:] = (blocks[1:] != blocks[:-1]) | (owner[1:] != owner[:-1])
    blocks, owner = blocks[new & (blocks != 0)], owner[new & (blocks != 0)]
    names, starts, counts = np.unique(blocks, return_index=True, return_counts=True)
    many = zip(names[counts >= FEWEST], starts[counts >= FEWEST], counts[counts >= FEWEST], strict=True)
    return {int(name): owner[start : start + count] for name, start, count in many}


def _are_strangers(sketches: Iterator[bytes]) -> bool:
    """Tell whether FEWEST of the sketched documents are no near copies of one another."""
    firsts: list[bytes] = []
    for held in sketches:
        if all(likeness(held, first) < KIN for first in firsts):
            firsts.append(held)
        if len(firsts) == FEWEST:
            return True
    return False


@dataclass(frozen=True)
class _Seen:
    """A block with what decides whether it is masked: `shared` with many documents, `given` a mask by other rules."""

    block: Block
    text: str
    given: bool
    shared: bool

    @property
    def is_heading(self) -> bool:
        # In plain text a menu above something longer looks like a heading.
        return self.block.kind == "heading" and not _MENU.match(self.text)

    @property
    def is_short(self) -> bool:
        return len(self.text) < MAX_SHORT_CHARACTERS

    @property
    def is_label(self) -> bool:
        return self.is_short and bool(_LABEL.match(self.text))


def repeated(document: Document, blocks: Sequence[Block], masks: Sequence[Mask], shared: Collection[int]) -> list[Mask]:
    """Return the masks of the document's blocks that are among `shared` blocks, by the rules above; in order.

    `masks` are those that it has already.
    """
    masked = {mask.span for mask in masks}
    seen = [
        _Seen(
            block, document.slice(block.span), block.span in masked, bool(shared) and _hash(document, block) in shared
        )
        for block in blocks
    ]
    reached = {n for n in _at_head(seen) | _at_foot(seen) if not _is_title(document, seen[n])}
    found = {n for stretch in _stretches(seen, reached) for n in _maskable(seen, stretch)}
    found |= _heads_of_nothing(seen, reached, found)
    kept = (item for n, item in enumerate(seen) if n not in found and not item.given and not item.shared)
    if not any(item.block.kind not in KINDS or not (item.is_heading or item.is_short) for item in kept):
        return []
    return [Mask(blocks[n].span, "repeated") for n in sorted(found)]


def _hash(document: Document, block: Block) -> int:
    if block.kind not in KINDS:
        return 0
    text = normal(document.slice(block.span)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little", signed=True) if text else 0


def _at_head(seen: Sequence[_Seen]) -> set[int]:
    """Return the shared blocks from the start on, to the first block that is a document's own."""
    found, passed = set[int](), 0
    for n, item in enumerate(seen):
        if item.shared and not item.given:
            found.add(n)
        elif not item.given and not (n == 0 and item.is_heading):
            passed += not item.is_label
            if item.is_heading or not item.is_short or passed > PASSED:
                break
    return found


def _at_foot(seen: Sequence[_Seen]) -> set[int]:
    """Return the shared blocks from the end back; what stands under a heading of the document's own is its content."""
    found, passed = set[int](), 0
    for n in range(len(seen) - 1, -1, -1):
        item = seen[n]
        if item.shared and not item.given:
            found.add(n)
        elif item.is_heading and not item.given:
            headed = [other for other in sorted(found) if seen[other].is_heading]
            return {other for other in found if headed and other >= headed[0]}
        elif not item.given:
            passed += not item.is_label
            if not item.is_short or passed > PASSED:
                break
    return found


def _is_title(document: Document, item: _Seen) -> bool:
    title = normal(document.title or "")
    return bool(title) and normal(item.text) == title and not _MENU.match(item.text)


def _stretches(seen: Sequence[_Seen], reached: Collection[int]) -> Iterator[list[int]]:
    """Yield the runs of neighbours among `reached`; what is masked by other rules does not part them."""
    order = [n for n, item in enumerate(seen) if n in reached or not item.given]
    for is_reached, run in groupby(order, lambda n: n in reached):
        if is_reached:
            yield list(run)


def _maskable(seen: Sequence[_Seen], stretch: Sequence[int]) -> list[int]:
    """Return what of a run may be masked: paragraphs and menus, and short lines beside one or beside each other."""
    may = [n for n in stretch if not seen[n].is_heading and _says_nothing_asked_for(seen[n])]
    whole = [n for n in may if not seen[n].is_short or _MENU.match(seen[n].text)]
    return may if whole or len(may) >= COMPANY else []


def _says_nothing_asked_for(item: _Seen) -> bool:
    if len(item.text) > LONGEST or _ASKED_FOR.search(item.text):
        return False
    return not item.is_label


def _heads_of_nothing(seen: Sequence[_Seen], reached: Collection[int], found: Collection[int]) -> set[int]:
    """Return the headings among `reached` under which something stood and nothing is left."""
    heads = set[int]()
    for n in sorted(reached, reverse=True):
        under = list(_under(seen, n)) if seen[n].is_heading else []
        if under and all(seen[m].given or m in found or m in heads for m in under):
            heads.add(n)
    return heads


def _under(seen: Sequence[_Seen], heading: int) -> Iterator[int]:
    level = seen[heading].block.level or 1
    for n in range(heading + 1, len(seen)):
        if seen[n].is_heading and (seen[n].block.level or 1) <= level:
            return
        yield n
