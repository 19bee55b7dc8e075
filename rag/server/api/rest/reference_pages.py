"""Serves the OpenAPI document as a page to read and try, by Swagger UI and ReDoc; all files come from this package."""

import gzip
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from rag.server.problems import refused

REFERENCE_ASSETS = Path(__file__).parents[1] / "assets"
MEDIA_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
SERVED = ("reference.js", "swagger-ui-bundle.js", "swagger-ui.css", "redoc.standalone.js")
ONE_DAY = "public, max-age=86400"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pincite: {title}</title>
{style}
<style>
body {{ margin: 0; font-family: system-ui, sans-serif; }}
#access:not([hidden]) {{ display: flex; flex-wrap: wrap; gap: .5rem; padding: 1rem; align-items: end; }}
img[src^="https://cdn.redoc.ly/"] {{ display: none; }}
</style>
</head>
<body>
<form id="access" hidden>
<p id="message" role="status"></p>
<label>Token <input id="token" type="password" autocomplete="off"></label>
<button>Show</button>
</form>
<main id="reference"></main>
<script src="/v1/assets/{script}"></script>
<script src="/v1/assets/reference.js"></script>
</body>
</html>
"""


def reference_routes() -> APIRouter:
    """Return the addresses of the two pages and their files. They say nothing of the index, so they need no token."""
    router = APIRouter(prefix="/v1", include_in_schema=False)

    @router.get("/docs")
    async def swagger_ui() -> Response:
        style = '<link rel="stylesheet" href="/v1/assets/swagger-ui.css">'
        page = PAGE.format(title="try REST", style=style, script="swagger-ui-bundle.js")
        return Response(page, media_type="text/html")

    @router.get("/redoc")
    async def redoc() -> Response:
        page = PAGE.format(title="REST reference", style="", script="redoc.standalone.js")
        return Response(page, media_type="text/html")

    @router.get("/assets/{name}")
    async def asset(name: str, request: Request) -> Response:
        if name not in SERVED:
            raise refused(404, "There is no such file.", "The pages are at /v1/docs and /v1/redoc.")
        return asset_response(name, "gzip" in request.headers.get("accept-encoding", ""))

    return router


def asset_response(name: str, takes_gzip: bool) -> Response:
    """Return a file of the pages, compressed if the client takes that."""
    headers = {"cache-control": ONE_DAY, "vary": "accept-encoding"}
    path = REFERENCE_ASSETS / name
    if path.is_file():
        return Response(path.read_bytes(), headers=headers, media_type=MEDIA_TYPES[name.rpartition(".")[2]])
    content = path.with_name(f"{name}.gz").read_bytes()
    if takes_gzip:
        headers["content-encoding"] = "gzip"
    else:
        content = gzip.decompress(content)
    return Response(content, headers=headers, media_type=MEDIA_TYPES[name.rpartition(".")[2]])
