"""Loads one file in a process of its own and says, as JSON, what became of it and what memory it took.

python tests/loading/formats/memory.py FILE
"""

import json
import sys
from pathlib import Path

from rag.core.errors import LoadError
from rag.loading import Source, load
from rag.loading.sources import source_sha256

path = Path(sys.argv[1])
documents, errors = 0, []
source_sha256(path)
for item in load(Source(path, path.name)):
    if isinstance(item, LoadError):
        errors.append(f"{type(item).__name__}: {item}")
    else:
        documents += 1
# VmHWM is of this program alone; ru_maxrss begins with the memory of the process that started it.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
peak = int(status["VmHWM"].split()[0]) * 1024
sys.stdout.write(json.dumps({"documents": documents, "errors": errors, "peak": peak}))
