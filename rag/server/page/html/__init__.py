"""HTML of the page, made from records and escaped here; needs no Gradio."""
