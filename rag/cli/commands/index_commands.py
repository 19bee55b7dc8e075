"""Writes, checks and moves an index: `rag index`, `rag check`, `rag export` and `rag import`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.options import DEFAULT_INDEX, IndexOption, SetOption
from rag.cli.terminal import ProgressBar, show_report
from rag.core.addresses import shown_location
from rag.core.configuration import changes_of
from rag.core.errors import IndexLocked, InvalidInput, SourceNotFound
from rag.core.text.plain_text import printable
from rag.index.location import engine_at, folder_of, require_folder

if TYPE_CHECKING:
    from rag.core.protocols import Embedder
    from rag.core.reports import IndexReport, Progress
    from rag.core.settings import Settings
    from rag.core.types import Document
    from rag.index.index import Index

STOPPED = "Stopped. The index is at its last commit; run the same command again to go on."
MODELS_HELP = "Also compare the embedder with sentence-transformers on passages of the index."
QUIET_INDEX_HELP = "Print only what could not be read."
FROM_HELP = "Copy this index, a folder or an address, instead of reading files."
WORKERS_HELP = "Embed with Ray: a number of workers of this machine, or the address ray://HOST:PORT of a cluster."


def index_command(
    paths: Annotated[list[str] | None, typer.Argument(help="Files, folders and, if allowed, web addresses.")] = None,
    index: IndexOption = DEFAULT_INDEX,
    rebuild: Annotated[bool, typer.Option(help="Build a new index and replace the old one.")] = False,
    sync: Annotated[bool, typer.Option(help="Also remove documents whose file is gone.")] = False,
    watch: Annotated[bool, typer.Option(help="Sync, then again whenever files change, until interrupted.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the changes without making them.")] = False,
    allow_network: Annotated[bool, typer.Option("--allow-network", help="Read web addresses among PATHS.")] = False,
    workers: Annotated[str | None, typer.Option(help=WORKERS_HELP)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help=QUIET_INDEX_HELP)] = False,
    copied: Annotated[Path | None, typer.Option("--from", help=FROM_HELP)] = None,
    settings: SetOption = None,
) -> None:
    """Build an index of files and folders, or bring one up to date; exit status 2 if a file could not be read."""
    if copied is not None:
        _copy(copied, index, rebuild, bool(paths or settings or sync or watch or dry_run or workers))
        return
    if not paths:
        raise InvalidInput("No files are given.", "Give files or folders: rag index FOLDER")
    from rag.loading.formats.markup.web import with_web_addresses
    from rag.loading.isolation.process import load_apart

    sources, failed = with_web_addresses(paths, load_apart, allow_network)
    if (sync or watch) and not all(isinstance(source, Path) for source in sources):
        raise InvalidInput("--sync and --watch are for files and folders.", "Index web addresses without them.")
    if watch and dry_run:
        raise InvalidInput("--watch and --dry-run are given.", "Give one of them.")
    if dry_run:
        report = _planned(sources, index, rebuild, sync)
    else:
        report = _written(sources, index, rebuild, sync or watch, settings, workers, quiet)
    report = report.with_failed(failed)
    show_report(report, index, quiet)
    if dry_run:
        typer.echo("Nothing was written. The lines name files, not the documents in them.")
    if watch:
        _watch(paths, index)
    any_document = report.added or report.updated or report.unchanged or report.removed
    if report.unreadable or (report.failed and not any_document):
        raise typer.Exit(2)


def _copy(source: Path, target: Path, rebuild: bool, has_other_options: bool) -> None:
    from rag.index.transfer import copy_index

    if has_other_options:
        raise InvalidInput("--from copies a whole index as it is.", "Give only --index and --rebuild with it.")
    manifest = copy_index(source, target, replace_existing=rebuild)
    counts = f"{manifest.documents} documents, {manifest.chunks} passages"
    typer.echo(f"{shown_location(target)}: {counts} copied; nothing was embedded.")


def _written(
    sources: "Sequence[str | Path | Document]", index: Path, rebuild: bool, sync: bool, settings: list[str] | None,
    workers: str | None = None, quiet: bool = False,
) -> "IndexReport":  # fmt: skip
    from rag.core.settings import Settings
    from rag.index.index import Index

    changes = changes_of(settings)
    apart = Settings().updated(changes).isolated_reading
    with ProgressBar(quiet) as tell:
        opened = None
        if not rebuild and engine_at(index).exists():
            opened = Index.open(index, isolated_reading=apart)
        new_settings = (opened.settings if opened else Settings()).updated(changes)
        if opened is not None:
            opened.require(new_settings)
        with _message_when_stopped(), _embedded(sources, opened, new_settings, workers, tell) as embedder:
            if opened is None:
                return Index.build(sources, index, new_settings, tell, embedder).report
            if embedder is not None:
                opened = Index.open(index, embedder, isolated_reading=apart)
            if sync:
                return opened.sync([source for source in sources if isinstance(source, Path)], tell)
            return opened.add(sources, tell)


@contextmanager
def _message_when_stopped() -> "Iterator[None]":
    """Print the state of the index if Ctrl-C ends a write. The vectors made so far are reused by the next run."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(STOPPED, err=True)
        raise


@contextmanager
def _embedded(
    sources: "Sequence[str | Path | Document]", opened: "Index | None", settings: "Settings", workers: str | None,
    tell: "Callable[[Progress], None]",
) -> "Iterator[Embedder | None]":  # fmt: skip
    """Yield an embedder that holds the vectors of the new passages, made by `workers`; None without workers."""
    if workers is None:
        yield None
        return
    from rag.index.distributed import fanned_out

    with fanned_out(sources, opened, settings, int(workers) if workers.isdecimal() else workers, tell) as embedder:
        yield embedder


def _planned(sources: "Sequence[str | Path | Document]", index: Path, rebuild: bool, sync: bool) -> "IndexReport":
    from rag.index.index import Index
    from rag.index.writing.build import as_work
    from rag.index.writing.plan import planned

    if rebuild or not engine_at(index).exists():
        return planned(as_work(sources, index), None, ())
    return Index.open(index).plan(sources, sync)


def _watch(paths: Sequence[str], index: Path) -> None:
    from rag.cli.watching import changes
    from rag.index.index import Index
    from rag.index.storage.manifest import index_files_among

    typer.echo(f"Watching {', '.join(map(printable, paths))}. Stop with Ctrl-C.", err=True)
    opened = Index.open(index)
    for _ in changes(paths, lambda file: bool(index_files_among([file], index))):
        try:
            show_report(opened.sync(paths), index)
        except (IndexLocked, SourceNotFound) as error:
            typer.echo(f"error: {printable(str(error))} Watching goes on.", err=True)


def check(
    index: IndexOption = DEFAULT_INDEX,
    repair: Annotated[bool, typer.Option(help="Rebuild damaged vectors and words from the documents.")] = False,
    models: Annotated[bool, typer.Option("--models", help=MODELS_HELP)] = False,
) -> None:
    """Check every file of an index against its hash, and print its size."""
    from rag.index.index import Index
    from rag.index.repair import examine
    from rag.index.repair import repair as repair_index

    if repair:
        require_folder(index, "rag check --repair")
    problems = examine(index)
    if problems and repair:
        typer.echo(f"Repaired: {'; '.join(repair_index(index))}.")
        problems = examine(index)
    for problem in problems:
        typer.echo(f"error: {problem}. Run `rag check --repair`, or build again: rag index PATH --rebuild", err=True)
    if problems:
        raise typer.Exit(2)
    opened = Index.open(index)
    for line in _state(opened, index):
        typer.echo(f"{shown_location(index)}: {line}")
    if models:
        _check_embedder(opened)


def _check_embedder(opened: "Index") -> None:
    """Print how near the vectors of passages are to those of the reference; exit status 2 if they are too far."""
    from rag.embedding.reference import same_vectors
    from rag.index.model_check import cosines_of_passages

    cosines = cosines_of_passages(opened)
    if not len(cosines):
        typer.echo("The index has no passages to compare.")
        return
    cosine = f"mean cosine {cosines.mean():.4f}, lowest {cosines.min():.4f}, {len(cosines)} passages"
    typer.echo(f"{opened.embedder.name} and its run by sentence-transformers: {cosine}.")
    if not same_vectors(cosines):
        what = "error: The vectors differ too much."
        typer.echo(f"{what} Install Pincite again, or build again: rag index PATH --rebuild", err=True)
        raise typer.Exit(2)


def _state(opened: "Index", path: Path) -> "Iterator[str]":
    """Yield how the vectors are searched, then version, counts and size."""
    from rag.index.storage.manifest import sizes
    from rag.index.storage.quantised_vectors import QuantisedStore
    from rag.index.writing.vector_writer import search_note

    info = opened.info
    counts = f"version {info.version}, {info.documents} documents, {info.chunks} chunks"
    if info.engine is not None:
        details = ", ".join(f"{key} {value}" for key, value in info.engine.items() if key != "name")
        yield f"{counts}, all sound; {info.engine['name']}: {details}."
        return
    if isinstance(opened.vectors, QuantisedStore):
        yield f"vectors searched as {search_note(opened.vectors.facts)}."
    bytes_of = sizes(path)
    size, earlier = bytes_of[info.version], [size for version, size in bytes_of.items() if version < info.version]
    growth = f" ({(size - earlier[-1]) / 1e3:+,.0f} since the version before)" if earlier else ""
    yield f"{counts}, {size / 1e3:,.0f} kB{growth}, all sound."


def export_command(
    file: Annotated[Path, typer.Argument(help="The file to write, such as articles.zip.")],
    index: IndexOption = DEFAULT_INDEX,
) -> None:
    """Write the index to one file that `rag import` reads, or copy it to an address such as milvus://HOST:PORT/NAME."""
    from rag.index.transfer import export_index

    if folder_of(file) is None:
        from rag.index.transfer import copy_index

        copied = copy_index(index, file, replace_existing=True)
        counts = f"version {copied.version}, {copied.documents} documents, {copied.chunks} chunks"
        typer.echo(f"{shown_location(file)}: {counts}.")
        return
    manifest = export_index(index, file)
    counts = f"{manifest.documents} documents, {manifest.chunks} chunks"
    typer.echo(f"{file}: {counts}, {file.stat().st_size / 1e6:.1f} MB.")


def import_command(
    file: Annotated[Path, typer.Argument(help="A file that `rag export` wrote.")],
    index: IndexOption = DEFAULT_INDEX,
) -> None:
    """Make an index from an exported file, and check every file in it against its hash."""
    from rag.index.transfer import import_index

    manifest = import_index(file, index)
    typer.echo(f"{index}: version {manifest.version}, {manifest.documents} documents, {manifest.chunks} chunks.")
