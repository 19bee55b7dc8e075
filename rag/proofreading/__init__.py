"""A draft to findings: its quotations, figures, dates and names beside the words of the documents."""
