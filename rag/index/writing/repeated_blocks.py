"""Finds the blocks that many documents share at their edges: menus, disclaimers, lines about the newsletter.

The result depends only on the documents of an index, not on their order. Masking an answer is the worse fault, so a
shared block is masked only

- if enough documents have it, and five of them are no copies of one another and consist mostly of their own text,
- if it is at the head or the foot of a document, with only other such blocks and short lines before or after it,
- if it has no figure and no address, and is neither a line like `Chair: Ann` nor a single short line,
- and if the document keeps a block of its own.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from rag.chunking.boilerplate import MAX_SHORT_CHARACTERS, normal
from rag.core.types import Block, Document, Mask
from rag.index.storage.fingerprints import BLOCK_HASH, Fingerprint
from rag.index.writing.near_duplicates import likeness

MASKABLE_KINDS = ("heading", "list_item", "paragraph")
MIN_DOCUMENTS = 5
"""So many documents must have a block and be no copies of one another."""
MAX_STRANGER_LIKENESS = 0.45
"""Documents above it count as copies. Two documents that are half their own text share at most 1/3 by repetition."""
MAX_BLOCK_CHARACTERS = 1_500
"""Longer blocks are articles and are never masked."""
MAX_SKIPPED_LINES = 3
"""Short lines, such as a date, allowed between repeated blocks and the edge. Lines like `From: Ann` do not count."""
MIN_MENU_LINES = 3
"""So many short lines together are a menu."""
_FIGURE_OR_ADDRESS = re.compile(r"[\d@]")
_LABEL = re.compile(r"[^\W\d_][\w ./-]{0,30}:\s*\S")
_MENU = re.compile(r"(?:[^|·•›»]+[|·•›»]){2,}")


def block_hashes(document: Document, blocks: Sequence[Block], masks: Collection[Mask]) -> bytes:
    """Return a BLOCK_HASH for each block that is not among `masks` (of `rag.chunking`), as bytes."""
    masked_spans = {mask.span for mask in masks}
    hashes = [(_hash(document, block), len(block.span)) for block in blocks if block.span not in masked_spans]
    return np.array(hashes, BLOCK_HASH).tobytes()


def shared_blocks(documents: Sequence[Fingerprint], share: float) -> frozenset[int]:
    """Return the blocks that at least MIN_DOCUMENTS and this share of the documents have; none for a share of 0.

    MIN_DOCUMENTS of these documents must have a sketch, be no near copies of one another, and consist at least half of
    rarer blocks. Otherwise the documents are copies of one article.
    """
    if not share or not documents:
        return frozenset()
    table = np.frombuffer(b"".join(fingerprint.block_hashes for fingerprint in documents), BLOCK_HASH)
    owner = np.repeat(
        np.arange(len(documents)), [len(fingerprint.block_hashes) // BLOCK_HASH.itemsize for fingerprint in documents]
    )
    holders, least = _holders(table["block"], owner), min_owners(len(documents), share)
    frequent = {block: owners for block, owners in holders.items() if len(owners) >= least}
    return shared_among({block: (documents[n] for n in owners) for block, owners in frequent.items()})


def min_owners(count: int, share: float) -> float:
    """Return how many of `count` documents must have a block."""
    return max(MIN_DOCUMENTS, share * count - 1e-9)


def shared_among(frequent: Mapping[int, Iterable[Fingerprint]]) -> frozenset[int]:
    """Return those of the frequent blocks that are shared. Only as many of their owners, by id, are read as needed."""
    blocks, are_witnesses = np.array([*frequent], np.int64), dict[Fingerprint, bool]()

    def is_witness(fingerprint: Fingerprint) -> bool:
        if fingerprint not in are_witnesses:
            are_witnesses[fingerprint] = _is_witness(fingerprint, blocks)
        return are_witnesses[fingerprint]

    return frozenset(
        block
        for block, owners in frequent.items()
        if _are_strangers(fingerprint.sketch for fingerprint in owners if is_witness(fingerprint))
    )


def _is_witness(fingerprint: Fingerprint, frequent: Any) -> bool:
    """Tell whether a document has a sketch and consists at least half of rarer blocks."""
    table = np.frombuffer(fingerprint.block_hashes, BLOCK_HASH)
    lengths = table["length"].astype(np.int64)
    own = int(lengths[~np.isin(table["block"], frequent)].sum())
    return bool(fingerprint.sketch) and 2 * own >= int(lengths.sum())


def _holders(blocks: Any, owner: Any) -> dict[int, Any]:
    """Return the owners, each once and in order, of every block with at least MIN_DOCUMENTS owners."""
    order = np.lexsort((owner, blocks))
    blocks, owner = blocks[order], owner[order]
    new = np.ones(len(blocks), bool)
    new[1:] = (blocks[1:] != blocks[:-1]) | (owner[1:] != owner[:-1])
    blocks, owner = blocks[new & (blocks != 0)], owner[new & (blocks != 0)]
    names, starts, counts = np.unique(blocks, return_index=True, return_counts=True)
    many = zip(
        names[counts >= MIN_DOCUMENTS], starts[counts >= MIN_DOCUMENTS], counts[counts >= MIN_DOCUMENTS], strict=True
    )
    return {int(name): owner[start : start + count] for name, start, count in many}


def _are_strangers(sketches: Iterator[bytes]) -> bool:
    """Tell whether MIN_DOCUMENTS of the sketches are no near copies of one another."""
    firsts: list[bytes] = []
    for sketch in sketches:
        if all(likeness(sketch, first) < MAX_STRANGER_LIKENESS for first in firsts):
            firsts.append(sketch)
        if len(firsts) == MIN_DOCUMENTS:
            return True
    return False


@dataclass(frozen=True)
class _BlockState:
    """A block, whether other rules mask it, and whether many documents share it."""

    block: Block
    text: str
    is_masked: bool
    is_shared: bool

    @property
    def is_heading(self) -> bool:
        # In plain text a menu above a longer paragraph looks like a heading.
        return self.block.kind == "heading" and not _MENU.match(self.text)

    @property
    def is_short(self) -> bool:
        return len(self.text) < MAX_SHORT_CHARACTERS

    @property
    def is_label(self) -> bool:
        return self.is_short and bool(_LABEL.match(self.text))


def repeated(document: Document, blocks: Sequence[Block], masks: Sequence[Mask], shared: Collection[int]) -> list[Mask]:
    """Return the masks, in order, of those blocks among `shared` that the rules above allow. `masks` already exist."""
    masked_spans = {mask.span for mask in masks}
    states = [
        _BlockState(
            block,
            document.slice(block.span),
            block.span in masked_spans,
            bool(shared) and _hash(document, block) in shared,
        )
        for block in blocks
    ]
    reachable = {n for n in _at_head(states) | _at_foot(states) if not _is_title(document, states[n])}
    to_mask = {n for stretch in _stretches(states, reachable) for n in _maskable(states, stretch)}
    to_mask |= _headings_without_content(states, reachable, to_mask)
    own = (item for n, item in enumerate(states) if n not in to_mask and not item.is_masked and not item.is_shared)
    if not any(item.block.kind not in MASKABLE_KINDS or not (item.is_heading or item.is_short) for item in own):
        return []
    return [Mask(blocks[n].span, "repeated") for n in sorted(to_mask)]


def _hash(document: Document, block: Block) -> int:
    if block.kind not in MASKABLE_KINDS:
        return 0
    text = normal(document.slice(block.span)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little", signed=True) if text else 0


def _at_head(states: Sequence[_BlockState]) -> set[int]:
    """Return the shared blocks from the start up to the first block that is only this document's."""
    at_head, skipped = set[int](), 0
    for n, item in enumerate(states):
        if item.is_shared and not item.is_masked:
            at_head.add(n)
        elif not item.is_masked and not (n == 0 and item.is_heading):
            skipped += not item.is_label
            if item.is_heading or not item.is_short or skipped > MAX_SKIPPED_LINES:
                break
    return at_head


def _at_foot(states: Sequence[_BlockState]) -> set[int]:
    """Return the shared blocks from the end back, but not those under a heading that is only this document's."""
    at_foot, skipped = set[int](), 0
    for n in range(len(states) - 1, -1, -1):
        item = states[n]
        if item.is_shared and not item.is_masked:
            at_foot.add(n)
        elif item.is_heading and not item.is_masked:
            headings = [other for other in sorted(at_foot) if states[other].is_heading]
            return {other for other in at_foot if headings and other >= headings[0]}
        elif not item.is_masked:
            skipped += not item.is_label
            if not item.is_short or skipped > MAX_SKIPPED_LINES:
                break
    return at_foot


def _is_title(document: Document, item: _BlockState) -> bool:
    title = normal(document.title or "")
    return bool(title) and normal(item.text) == title and not _MENU.match(item.text)


def _stretches(states: Sequence[_BlockState], reachable: Collection[int]) -> Iterator[list[int]]:
    """Yield the runs of neighbours among `reachable`. Blocks that other rules mask do not interrupt a run."""
    order = [n for n, item in enumerate(states) if n in reachable or not item.is_masked]
    for is_reached, run in groupby(order, lambda n: n in reachable):
        if is_reached:
            yield list(run)


def _maskable(states: Sequence[_BlockState], stretch: Sequence[int]) -> list[int]:
    """Return the blocks of a run that may be masked: paragraphs, menus, and short lines beside them."""
    allowed = [n for n in stretch if not states[n].is_heading and _is_free_of_facts(states[n])]
    long_blocks = [n for n in allowed if not states[n].is_short or _MENU.match(states[n].text)]
    return allowed if long_blocks or len(allowed) >= MIN_MENU_LINES else []


def _is_free_of_facts(item: _BlockState) -> bool:
    if len(item.text) > MAX_BLOCK_CHARACTERS or _FIGURE_OR_ADDRESS.search(item.text):
        return False
    return not item.is_label


def _headings_without_content(
    states: Sequence[_BlockState], reachable: Collection[int], to_mask: Collection[int]
) -> set[int]:
    """Return the headings among `reachable` whose blocks are all masked."""
    heads = set[int]()
    for n in sorted(reachable, reverse=True):
        under = list(_under(states, n)) if states[n].is_heading else []
        if under and all(states[m].is_masked or m in to_mask or m in heads for m in under):
            heads.add(n)
    return heads


def _under(states: Sequence[_BlockState], heading: int) -> Iterator[int]:
    level = states[heading].block.level or 1
    for n in range(heading + 1, len(states)):
        if states[n].is_heading and (states[n].block.level or 1) <= level:
            return
        yield n
