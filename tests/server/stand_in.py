"""A small page that stands in for the real one, and a server around it in a process of its own."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import uvicorn

from core.project.workspace import Workspace
from core.settings import Settings
from ui.server import create_app, server_config

if TYPE_CHECKING:
    import gradio as gr


def count() -> Iterator[str]:
    """One word a third of a second, so that a proxy which holds the stream back is noticed."""
    for word in ("one", "two", "three"):
        yield word
        time.sleep(0.3)


def build(settings: Settings, workspace: Workspace, lang: str) -> gr.Blocks:
    """A text box that is echoed in capitals, a stream of words, and an upload."""
    import gradio as gr  # the server has imported it in less time

    with gr.Blocks(title=f"Stand-in {lang}") as page:
        said = gr.Textbox(label="Said", elem_id="said")
        heard = gr.Textbox(label="Heard", elem_id="heard")
        button = gr.Button("Say", elem_id="say")
        slow = gr.Button("Count", elem_id="count")
        counted = gr.Textbox(label="Counted", elem_id="counted")
        gr.File(label="File", file_count="multiple")
        button.click(lambda text: text.upper(), said, heard, api_name="say")
        slow.click(count, None, counted, api_name="count")
    return page


if __name__ == "__main__":
    # The argument is the inherited socket; the settings are in the environment.
    listening = socket.socket(fileno=int(sys.argv[1]))
    app = create_app(Settings(_env_file=None), build)  # type: ignore[call-arg]
    app.state.pages["en"].build_now()
    uvicorn.Server(server_config(app)).run(sockets=[listening])
