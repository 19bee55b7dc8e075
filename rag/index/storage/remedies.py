"""The commands that mend an index, as errors name them."""

BUILD_AGAIN = "Build the index again: rag index PATH --rebuild"
REPAIR = "Run `rag check --repair`."
REPAIR_OR_BUILD = "Run `rag check --repair`; if that fails, build the index again."
