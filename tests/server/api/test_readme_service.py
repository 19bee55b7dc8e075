"""Runs the documentation's requests against a server, as they are written."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests import ROOT
from tests.server.running_service import Served

SITE = ROOT / "docs" / "site"
PAGES = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "README.md", *sorted(SITE.rglob("*.md"))))
# `tests/server/api/test_files.py` sends files.
CURL = [line for line in dict.fromkeys(re.findall(r"^(curl .*)$", PAGES, re.MULTILINE)) if " -F " not in line]


def run(line: str, running: Served) -> subprocess.CompletedProcess[str]:
    words = shlex.split(line.replace("http://127.0.0.1:7860", running.address))
    return subprocess.run([*words, "--silent", "--fail-with-body"], capture_output=True, text=True, check=False)


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
def test_each_line_of_curl_gives_json(running: Served) -> None:
    assert len(CURL) == 9
    for line in CURL:
        done = run(line, running)
        assert done.returncode == 0, done.stdout
        found = [json.loads(part) for part in done.stdout.splitlines()]
        if "ask:batch" in line:
            assert [response["status"] for response in found] == ["answered", "no_answer"]
        if "/text" in line:
            assert found[0]["text"] == "ferry"


def test_every_address_that_is_named_is_there(running: Served) -> None:
    content = json.loads(run("curl http://127.0.0.1:7860/v1/openapi.json", running).stdout)
    served = {re.sub(r"\{.*?\}", "ferry", path) for path in content["paths"]} | {"/v1", "/mcp"}
    # A server of several collections has a list of them, and for each the same addresses below its own.
    served |= {"/v1/openapi.json", "/v1/docs", "/v1/redoc", "/v1/collections"}
    documented = set(re.findall(r"(?:`|7860)(/(?:v1|healthz|readyz|metrics|mcp)[\w/:.{}]*)", PAGES))
    documented = {re.sub(r"^/v1/collections/handbook/(mcp|metrics)$", r"/\1", path) for path in documented}
    documented = {path.removesuffix("/collections/handbook/") for path in documented}
    documented = {re.sub(r"\{.*?\}", "ferry", path) for path in documented}
    assert len(documented) > 10 and documented <= served


def test_the_documentation_names_every_extra() -> None:
    extras = (Path(ROOT) / "pyproject.toml").read_text(encoding="utf-8").partition("[project.optional-dependencies]")[2]
    for name in ("mcp", "langchain", "haystack", "llamaindex", "otel"):
        assert f"pincite[{name}]" in PAGES and f"\n{name} = [" in extras


def test_the_example_of_gradio_client_gets_the_answers_of_rest(running: Served) -> None:
    question = {"question": "When did the Soviet Union collapse?"}
    expected = httpx.post(f"{running.address}/v1/ask", json=question, timeout=120).json()["answers"]
    example = [sys.executable, str(ROOT / "docs" / "examples" / "ask_the_page.py"), f"{running.address}/"]
    done = subprocess.run([*example, question["question"]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{answer['citation']['document_id']}, line {answer['citation']['line_start']}: {answer['answer']}"
        for answer in expected
    ]
    refused = subprocess.run([*example, "Who cast the bell of Marrowick?"], capture_output=True, text=True, check=False)
    assert refused.stdout == "no answer: low_confidence\n"
