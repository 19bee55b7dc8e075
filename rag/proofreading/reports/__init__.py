"""Reports of a proofread draft: text, HTML, Word comments, footnotes."""
