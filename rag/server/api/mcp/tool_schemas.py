"""Writes the schemas of the tools in the part of JSON Schema that the hosts of language models take.

A host hands the schema of a tool to its model's provider, and some refuse every tool of a server for one keyword.
"""

from typing import Any

AT_NO_ROOT = ("oneOf", "anyOf", "allOf", "enum", "const", "not", "if", "then", "else", "examples", "title")
"""The API of Claude refuses the first three at the root, that of OpenAI the first six, as their error messages say. The
last two say nothing to a model."""
NOWHERE = ("title", "default", "propertyNames", "$schema")
"""The API of Gemini refuses the third, as its error message says. The others say nothing to a model."""
TOOL_FILTERS = {
    "type": "object",
    "description": "Which documents are asked, by their metadata. A value is a text, number or boolean, a list of these"
    ' if any may match, or a range such as {">=": "2024", "<": "2025"}. Example: {"language": "en"}.',
}


def input_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a tool's arguments; an argument that may be null is one that may be left out.

    >>> input_schema({"not": {}, "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}})
    {'properties': {'a': {'type': 'string'}}}
    """
    properties = {name: _argument(name, part) for name, part in schema.get("properties", {}).items()}
    rest = {key: value for key, value in schema.items() if key not in (*AT_NO_ROOT, *NOWHERE)}
    return {**rest, "properties": properties}


def output_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a tool's result without conditions at its root."""
    return {key: value for key, value in schema.items() if key not in (*AT_NO_ROOT, "$schema")}


def _argument(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    if name == "filters":
        return TOOL_FILTERS
    forms = [form for form in schema.get("anyOf", ()) if form.get("type") != "null"]
    merged = {**forms[0], **schema} if len(forms) == 1 else schema
    return {key: value for key, value in merged.items() if key not in (*NOWHERE, "anyOf")}
