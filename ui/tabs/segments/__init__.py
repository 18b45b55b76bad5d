"""The Segments tab: the clip editor, clips and what is left out."""
