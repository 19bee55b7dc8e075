"""The clients of `service_load.py`, for locust: each has a token and stays below what it may ask in a minute.

The file that the variable LOAD names holds `{"tokens": [...], "questions": [...], "seconds_between": 20}`.
"""

import json
import os
import random
from pathlib import Path

from locust import HttpUser, constant_pacing, task

GIVEN = json.loads(Path(os.environ["LOAD"]).read_text(encoding="utf-8"))
tokens = iter(GIVEN["tokens"])


class Client(HttpUser):
    """Asks mostly, searches, and looks at what was cited."""

    wait_time = constant_pacing(GIVEN["seconds_between"])

    def on_start(self) -> None:
        self.client.headers["authorization"] = f"Bearer {next(tokens)}"
        self.chance = random.Random(self.client.headers["authorization"])

    @task(8)
    def ask(self) -> None:
        with self.client.post("/v1/ask", json={"question": self.question()}, catch_response=True) as answer:
            if answer.status_code == 200 and answer.json()["status"] not in ("answered", "no_answer"):
                answer.failure("no response of the schema")

    @task(2)
    def search(self) -> None:
        self.client.post("/v1/search", json={"query": self.question()})

    @task(1)
    def look(self) -> None:
        part = {"limit": 5, "after": str(self.chance.randint(0, 9))}
        listed = self.client.get("/v1/documents", params=part, name="/v1/documents")
        document = self.chance.choice(listed.json()["documents"])["id"]
        self.client.get(f"/v1/documents/{document}/text", name="/v1/documents/ID/text")

    def question(self) -> str:
        return str(self.chance.choice(GIVEN["questions"]))
