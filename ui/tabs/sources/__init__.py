"""The Sources tab: files, links, lists and reading aloud."""
