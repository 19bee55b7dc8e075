"""Raises: the errors a caller may catch, each with what happened and what to do about it.

RagError
├── InvalidInput            the caller gave something that cannot be used
│   ├── InvalidQuestion
│   ├── InvalidSettings
│   ├── InvalidFilter
│   └── SourceNotFound
├── LoadError               one source cannot be turned into a document; the others go on
│   ├── UnsupportedFormat
│   ├── UnreadableSource
│   └── EmptyDocument
├── IndexProblem            the index on disk cannot be used as asked
│   ├── IndexNotFound
│   ├── IndexCorrupt
│   ├── IndexVersionMismatch
│   ├── EmbedderMismatch
│   ├── IndexLocked
│   ├── IndexUnreachable
│   └── IndexWriteFailed
├── ExtraNotInstalled       an optional part needs a package that is not installed; also an ImportError
├── ModelNotAvailable       weights are missing, damaged or not the ones expected
├── EvaluationError         a data set or a saved result cannot be used
└── VerificationError       a citation does not match its document; never shown to a user
"""


class RagError(Exception):
    """Base of all errors a user can cause or mend; `message` says what happened, `remedy` what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        """Keep both halves, so that an interface can show them apart."""
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.remedy = remedy


class InvalidInput(RagError):
    """An argument is not one that the call accepts."""


class InvalidQuestion(InvalidInput):
    """The question is not text that can be asked."""


class InvalidSettings(InvalidInput):
    """A setting is unknown or outside its range."""


class InvalidFilter(InvalidInput):
    """A filter names a key or uses a form that the index does not have."""


class SourceNotFound(InvalidInput):
    """A path to index does not exist or holds no file that can be loaded."""


class LoadError(RagError):
    """One source could not be turned into a document; collected in the report, never fatal."""


class UnsupportedFormat(LoadError):
    """No loader knows this kind of file."""


class UnreadableSource(LoadError):
    """The file cannot be opened or decoded."""


class EmptyDocument(LoadError):
    """The source holds no text."""


class IndexProblem(RagError):
    """The index on disk cannot be used as asked."""


class IndexNotFound(IndexProblem):
    """There is no index at this path."""


class IndexCorrupt(IndexProblem):
    """A file of the index is missing or its bytes have changed."""


class IndexVersionMismatch(IndexProblem):
    """The index was written in a format this version does not read."""


class EmbedderMismatch(IndexProblem):
    """The index was built with another embedding model or other weights."""


class IndexLocked(IndexProblem):
    """Another process is writing to the index."""


class IndexUnreachable(IndexProblem):
    """The server that holds the index cannot be reached, or does not answer in time."""


class IndexWriteFailed(IndexProblem):
    """The disk refused a write; the index is still at its last commit."""


class ModelNotAvailable(RagError):
    """The weights of a model are missing, damaged or not the expected ones."""


class ExtraNotInstalled(RagError, ImportError):
    """An optional part needs a package that is not installed."""


class EvaluationError(RagError):
    """A data set folder or a saved evaluation cannot be used."""


class VerificationError(RagError):
    """A citation does not match its document."""
