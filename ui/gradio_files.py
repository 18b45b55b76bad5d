"""Which files an event of the page may name: uploads, and nothing else that the account can read."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import gradio as gr
from gradio.exceptions import InvalidPathError
from gradio.utils import get_upload_folder


def is_upload(path: str) -> bool:
    """Whether a path leads to something in the upload folder; addresses, and links out of it, do not."""
    if not path.startswith("/") or "\0" in path:
        return False
    return os.path.realpath(path).startswith(os.path.realpath(get_upload_folder()) + os.sep)


def accept_uploads_only(blocks: gr.Blocks) -> None:
    """Have every file that an event names looked at, by Gradio and by us, before anything is done with it."""
    # Only of a page that has launched does Gradio ask whether a file was uploaded; a mounted one never launches. Others
    # are copied to where they can be fetched.
    blocks.has_launched = True
    read: Callable[..., Awaitable[list[Any]]] = blocks.preprocess_data

    async def preprocess_data(block_fn: Any, inputs: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
        # Gradio lets addresses pass, which this computer would then fetch, and looks only at what is marked as a file.
        if not all(map(is_upload, _paths(inputs))):
            raise InvalidPathError("an event named a file that was not uploaded")
        return await read(block_fn, inputs, *args, **kwargs)

    blocks.preprocess_data = preprocess_data  # type: ignore[method-assign]


def _paths(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if isinstance(path := part.get("path"), str):
                yield path
            waiting += part.values()
        elif isinstance(part, (list, tuple)):
            waiting += part
