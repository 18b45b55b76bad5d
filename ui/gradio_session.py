"""What Gradio keeps of an open page and makes anew at an event, cut down to what this page needs of it.

As it comes, an output without a new value makes its component anew, which gets a number of its own; used as an input it
is then stored once more under that number, at every event. And all values are kept a second time, for links to a state.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import copy
from typing import Any

import gradio as gr
from gradio import state_holder
from gradio.block_function import BlockFunction
from gradio.blocks import Block

# Open pages whose choices are remembered (what a list offers, what is visible); one that is older starts afresh.
PAGES_KEPT = 200


class SessionState(state_holder.SessionState):
    """The components of one open page as events have changed them, without their values."""

    def __init__(self, blocks: gr.Blocks) -> None:
        self.blocks_config = copy(blocks.default_config)
        self.config_values: dict[int, Any] = {}
        self.state_data: dict[int, Any] = {}
        self._state_ttl: dict[int, Any] = {}
        self.is_closed = False
        self.STATE_TTL_WHEN_CLOSED = 0

    def __setitem__(self, key: int, value: Any) -> None:
        """Keep a component that an event made anew, under the number it has in the page."""
        if not isinstance(value, Block):
            raise TypeError("this page has no gr.State: what must last lies on disk")
        value._id = key
        self.blocks_config.blocks[key] = value

    def _update_config(self, key: int) -> None:
        """Nothing reads it."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """Nothing reads it."""


class Sessions(state_holder.StateHolder):
    """The open pages by their session."""

    def __init__(self, blocks: gr.Blocks) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        blocks.state_session_capacity = PAGES_KEPT
        self.set_blocks(blocks)

    def __getitem__(self, session_id: str) -> state_holder.SessionState:
        if session_id not in self.session_data:
            self.session_data[session_id] = SessionState(self.blocks)
        return super().__getitem__(session_id)


def pass_over_unchanged(blocks: gr.Blocks) -> None:
    """Keep outputs that an event leaves alone (`gr.skip`) out of Gradio's hands: it would make each of them anew."""
    spread: Callable[..., Awaitable[list[Any]]] = blocks.postprocess_data

    async def postprocess_data(block_fn: BlockFunction, predictions: Any, state: Any) -> list[Any]:
        outputs = list(block_fn.outputs)
        if len(outputs) < 2 or not isinstance(predictions, (list, tuple)) or len(predictions) != len(outputs):
            return await spread(block_fn, predictions, state)
        places = [place for place, value in enumerate(predictions) if not _is_skip(value)]
        answer: list[Any] = [gr.skip() for _ in outputs]
        if places:
            part = copy(block_fn)
            part.outputs = [outputs[place] for place in places]
            values = [predictions[place] for place in places]
            parts = await spread(part, values[0] if len(values) == 1 else values, state)
            for place, value in zip(places, parts, strict=True):
                answer[place] = value
        return answer

    blocks.postprocess_data = postprocess_data  # type: ignore[method-assign]


def _is_skip(value: Any) -> bool:
    return isinstance(value, dict) and value == gr.skip()
