"""Text with marks: HTML, Markdown, reStructuredText, LaTeX, XML, notebooks."""
