"""Prints each method and path of the installed Gradio, in a process of its own, because Gradio leaves loops open."""

import sys
from collections.abc import Iterator
from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.routing import Mount


def gradio_routes() -> list[str]:
    """Return each method and path."""
    with gr.Blocks() as blocks:
        gr.Textbox()
    app = gr.mount_gradio_app(FastAPI(), blocks, path="/")
    (mount,) = [route for route in app.routes if isinstance(route, Mount)]
    return sorted(f"{method} {path}" for methods, path in _walk(mount.routes, "") for method in methods)


def _walk(routes: Any, prefix: str) -> Iterator[tuple[set[str], str]]:
    for route in routes:
        if hasattr(route, "original_router"):  # how this version of FastAPI keeps an included router
            inner = getattr(getattr(route, "include_context", None), "prefix", "") or ""
            yield from _walk(route.original_router.routes, prefix + inner)
        else:
            yield getattr(route, "methods", None) or {"MOUNT"}, prefix + route.path


if __name__ == "__main__":
    sys.stdout.write("\n".join(gradio_routes()) + "\n")
