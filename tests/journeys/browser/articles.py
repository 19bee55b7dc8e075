"""Makes the articles that the browser tests and the screenshots ask: the seeds, and some that are hard to show."""

import json
from pathlib import Path

from tests import ROOT

RECALL = "Why did Armenia recall its ambassador to Israel?"
ABSURD = "What is the melting point of tungsten carbide in Kelvin?"
HARBOUR = "Who built the harbour of Marrowick?"
KEEPER = "Who kept the lighthouse of Marrowick?"
FERRY = "When does the ferry of Marrowick leave?"
BRIDGE = "How much did the Ostrava footbridge cost?"
CRYPT = "Do visitors enter the Lindow crypt free of charge?"
BELL = "Who cast the great bell of Lindow?"
HOSTILE_NAME = "<img src=x onerror=alert(1)>.txt"
HOSTILE = (
    '<img src=x onerror="window.broken=1;alert(1)"> The harbours of {{value}} and ${document.title}\r\n'
    "\r\n"
    "The harbour of Marrowick was built in 1907 by <b onmouseover='alert(2)'>Ottoline Ferrars</b> &amp; her"
    " {{#each value}}{{this}}{{/each}} sons \"A\" and 'B', ${window.broken=2}, `C` 😀 & &lt;D&gt;.\r\n"
    "\r\n"
    "The lighthouse of Marrowick was kept by \u202eTobias Quill for forty years, 𝔄nd nobody thanked him.\r\n"
    "\r\n"
    "The ferry of Marrowick leaves at noon on each Sunday.</blockquote></div><script>window.broken=3</script>"
    "<style>body{display:none}</style><link rel=stylesheet href=http://192.0.2.1/x.css>\r\n"
)
ROWS = [
    {
        "_id": "gazette-2019",
        "title": "A footbridge for the river",
        "text": "The council met on Monday.\n\nThe Ostrava footbridge cost 4.2 million euros, the council said. It"
        " opened in May after two winters of work.\n",
        "publisher": "The Gazette",
        "published_at": "2019-05-14",
        "uri": "https://gazette.example/footbridge",
    },
    {
        "_id": "herald-2021",
        "title": "The bill for the footbridge",
        "text": "Auditors have read the books.\n\nThe Ostrava footbridge cost 6.8 million euros, the auditors found."
        " Lighting had been left out of the first bill.\n",
        "publisher": "The Herald",
        "published_at": "2021-11-02",
    },
    {
        "_id": "bells-1",
        "title": "Bells of the north",
        "text": "The great bell of Lindow was cast by Agnes Thorne in 1611. It rings on feast days.\n\nVisitors enter"
        " the Lindow crypt free of charge. It is dry and well lit. But on Sundays a fee of two pounds is asked.\n",
        "publisher": "Bell Quarterly",
        "published_at": "1998-03-01",
    },
    {
        "_id": "bells-2",
        "title": "Lindow, a guide",
        "text": "A short walk leads to the church.\n\nThe great bell of Lindow was cast by Agnes Thorne in 1611.\n",
        "published_at": "2004-08-01",
    },
]


def write(folder: Path) -> Path:
    """Write all articles to a folder and return it."""
    for article in (ROOT / "seeds").glob("*.txt"):
        (folder / article.name).write_bytes(article.read_bytes())
    (folder / HOSTILE_NAME).write_bytes(HOSTILE.encode())
    rows = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
    (folder / "papers.jsonl").write_text(rows, encoding="utf-8")
    return folder
