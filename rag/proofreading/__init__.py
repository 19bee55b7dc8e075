"""A draft to findings: its quotations, figures, dates and names beside what the documents say."""
