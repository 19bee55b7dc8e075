"""Shows results: the HTML report, plots, tables on the terminal, comparisons, failures."""
