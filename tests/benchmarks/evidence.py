"""Measures evidence packs: 50 answers over text, PDF and DOCX, changes of single bytes, and the page without a network.

    python tests/benchmarks/evidence.py [--changes 200] [--browser]

Every change must be found and placed by `rag evidence verify` and by the script in the pack, which runs as a program of
its own, without Pincite. With `--browser` the page is opened in Chromium, and every request is counted.
"""

import argparse
import random
import shutil
import subprocess
import sys
import time
import zipfile
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from rag.answering.assistant import Assistant
from rag.evidence.keys import create_key
from rag.evidence.pack import PAGE, SCRIPT, evidence_pack
from rag.evidence.verification import verify_pack
from rag.index.index import Index
from rag.loading.pages.pdf_originals import PdfOriginals

SYLLABLES = ("mar", "tan", "hol", "bra", "ost", "kel", "wen", "dor", "lis", "gra")
PLACES = [f"{one.title()}{other}" for one in SYLLABLES[:5] for other in SYLLABLES]


def write_sources(folder: Path) -> list[str]:
    """Write a source for each place, in three formats in turn. Return a question for each."""
    import docx
    from reportlab.pdfgen.canvas import Canvas

    for number, name in enumerate(PLACES):
        lines = [
            f"The ferry of {name} leaves at {number % 11 + 1}.15 on each Sunday.",
            f"The toll of the bridge of {name} is {20 + number} euros for a lorry.",
            f"The mill of {name} was built in {1600 + 7 * number} by the monks of the valley.",
        ]
        file = folder / f"{number:02}-{name.lower()}"
        if number % 3 == 0:
            file.with_suffix(".txt").write_text("\n\n".join(lines), encoding="utf-8")
        elif number % 3 == 1:
            canvas = Canvas(str(file.with_suffix(".pdf")))
            for i, line in enumerate(lines):
                canvas.drawString(72, 700 - 40 * i, line)
            canvas.save()
        else:
            document = docx.Document()
            for line in lines:
                document.add_paragraph(line)
            document.save(str(file.with_suffix(".docx")))
    return [f"How much is the toll of the bridge of {name} for a lorry?" for name in PLACES]


def changes(pack: bytes, count: int, seed: int) -> list[int]:
    """Return places of single bytes: half anywhere, half outside the largest file, where all the rest is."""
    rng = random.Random(seed)
    with zipfile.ZipFile(BytesIO(pack)) as archive:
        largest = max(archive.infolist(), key=lambda info: info.file_size)
    inside = range(largest.header_offset + 40, largest.header_offset + largest.file_size)
    others = [i for i in range(len(pack)) if i not in inside]
    return [rng.randrange(len(pack)) for _ in range(count // 2)] + rng.sample(others, count - count // 2)


def opened_offline(page: Path) -> tuple[int, int, int]:
    """Return the requests, the pictures and the marked quotations of a page in Chromium, with the network cut."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context(offline=True)
        tab, requests, errors = context.new_page(), [], []
        tab.on("request", lambda request: requests.append(request.url))
        tab.on("console", lambda message: errors.append(message.text))
        tab.goto(page.as_uri())
        shown = "images => images.filter(image => image.complete && image.naturalWidth > 0).length"
        pictures, marks = tab.eval_on_selector_all("img", shown), tab.locator("mark").count()
        browser.close()
    assert not errors, errors
    fetched = [url for url in requests if not url.startswith("data:") and url != page.as_uri()]
    return len(fetched), pictures, marks


def main() -> None:
    """Pack, change, check, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--browser", action="store_true")
    options = parser.parse_args()
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "sources").mkdir()
        questions = write_sources(folder / "sources")
        assistant = Assistant(Index.build(folder / "sources", folder / "index"))
        responses = [item for item in assistant.ask_many(questions) if item.answers]
        key, originals = create_key(folder / "key.pem"), PdfOriginals()
        begun = time.process_time()
        pack = evidence_pack(assistant, responses, key, originals)
        write(f"{len(responses)} answers: {len(pack) / 1e6:.1f} MB, {time.process_time() - begun:.1f} CPU s")
        file, script = folder / "pack.zip", folder / SCRIPT
        file.write_bytes(pack)
        with zipfile.ZipFile(file) as archive:
            archive.extract(SCRIPT, folder)
            archive.extract(PAGE, folder)
        found = placed = agreeing = 0
        for position in changes(pack, options.changes, options.seed):
            file.write_bytes(pack[:position] + bytes([pack[position] ^ 0x20]) + pack[position + 1 :])
            done = subprocess.run([sys.executable, "-I", str(script), str(file)], capture_output=True, text=True)
            faults = list(verify_pack(file).faults)
            found += bool(faults)
            placed += all(": " in fault for fault in faults)
            agreeing += done.returncode == 1 and done.stderr.splitlines() == faults
        write(f"{options.changes} changed bytes: {found} found, {placed} placed, script agrees on {agreeing}")
        if options.browser:
            requests, pictures, marks = opened_offline(folder / PAGE)
            write(f"Chromium, offline: {requests} requests, {pictures} pictures, {marks} marked quotations")


def write(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
