"""Asks, searches, uploads a PDF, follows the job and verifies with a client that openapi-python-client made.

`make clients` runs it with the address of a server, a token and a PDF, in an environment that has the client.
"""

import io
import sys
import time
from pathlib import Path

from pincite_client import AuthenticatedClient
from pincite_client.api.documents import add_files, get_job, get_text, list_documents
from pincite_client.api.questions import ask, search, verify
from pincite_client.models import (
    AskRequest,
    AskResponse,
    Documents,
    FilesForm,
    Filters,
    Job,
    Passages,
    SavedResponse,
    SearchRequest,
    Slice,
    Verified,
)
from pincite_client.types import File

RECALL = "Why did Armenia recall its ambassador to Israel?"
LAMP = "How much oil did the lamp of Marrowick burn?"


def main() -> None:
    address, token, path = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    client = AuthenticatedClient(base_url=address, token=token, timeout=120)
    response = ask.sync(client=client, body=AskRequest(RECALL, filters=Filters.from_dict({"language": ["en", "de"]})))
    assert isinstance(response, AskResponse) and response.answers and response.no_answer is None
    passages = search.sync(client=client, body=SearchRequest("drones", top_k=2))
    assert isinstance(passages, Passages) and len(passages.passages) == 2
    file = File(io.BytesIO(path.read_bytes()), path.name, "application/pdf")
    job = add_files.sync(client=client, body=FilesForm([file]))
    while isinstance(job, Job) and job.finished_at is None:
        time.sleep(0.1)
        job = get_job.sync(job.id, client=client)
    assert isinstance(job, Job) and job.status == "done" and job.files[0].outcome == "added"
    documents = list_documents.sync(client=client)
    assert isinstance(documents, Documents) and job.files[0].document_ids[0] in [
        item.id for item in documents.documents
    ]
    lamp = ask.sync(client=client, body=AskRequest(LAMP, top_k=1))
    assert isinstance(lamp, AskResponse)
    citation = lamp.answers[0].citation
    assert citation.page_number == 1
    offset = citation.document_offset
    text = get_text.sync(citation.document_id, client=client, start=offset.start, end=offset.end)
    assert isinstance(text, Slice) and text.text == lamp.answers[0].answer
    verified = verify.sync(client=client, body=SavedResponse.from_dict(lamp.to_dict()))
    assert isinstance(verified, Verified) and verified.sound


if __name__ == "__main__":
    main()
