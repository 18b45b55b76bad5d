"""Texts from files: plain text, Markdown, ePub and DOCX, each read as a stranger's, with headings as marks."""
