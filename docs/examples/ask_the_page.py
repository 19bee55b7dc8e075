"""Asks the page of `rag serve` by gradio_client.

    python docs/examples/ask_the_page.py http://127.0.0.1:7860/ "When did the Soviet Union collapse?"

The result is the JSON of a response, as from Python. Programs without gradio_client ask REST.
"""

import sys

from gradio_client import Client


def main(address: str, question: str) -> None:
    """Write each quotation with its place, or why there is none."""
    response = Client(address, verbose=False).predict(question, api_name="/ask")
    for answer in response["answers"]:
        citation = answer["citation"]
        sys.stdout.write(f"{citation['document_id']}, line {citation['line_start']}: {answer['answer']}\n")
    if response["no_answer"]:
        sys.stdout.write(f"no answer: {response['no_answer']['reason']}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
