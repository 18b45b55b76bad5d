"""What every voice checks of a text and says when it cannot speak, and the state a model is put into while it does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

from core.errors import UserError
from core.text import clean_text

MAX_CHARACTERS = 5000


def speakable(text: str) -> str:
    """The cleaned text.

    Raises:
        UserError: ``speak.empty``, ``speak.too_long``.
    """
    text = clean_text(text)
    if not any(character.isalnum() for character in text):
        raise UserError("speak.empty", "There is nothing to say.", "Type a sentence.")
    if len(text) > MAX_CHARACTERS:
        raise UserError(
            "speak.too_long",
            "The text has {count} characters; at most {limit} are said at once.",
            "Split it into several texts, or open it as a long text on the Speak page.",
            count=len(text),
            limit=MAX_CHARACTERS,
        )
    return text


@contextlib.contextmanager
def evaluating(model: nn.Module, device: torch.device, seed: int | None = None) -> Iterator[None]:
    """Evaluation mode, full precision and an own random stream; everything is put back afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    # Training may multiply in TF32; what a checkpoint says must not depend on who asks it.
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    cards = range(torch.cuda.device_count()) if device.type == "cuda" else ()
    # Not `eval()`: some models override it, and hang a copy for inference into their module tree.
    model.train(False)
    try:
        with torch.random.fork_rng(devices=cards), torch.autocast(device.type, enabled=False):
            if seed is not None:
                torch.manual_seed(seed)
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
        for module, training in modes:
            module.training = training


def too_little_memory() -> UserError:
    """Memory ran out."""
    return UserError(
        "speak.out_of_memory",
        "There is too little free memory to speak.",
        "Close other programs, those that use the graphics card first, or say a shorter text.",
    )


def not_finite() -> UserError:
    """What came out is no sound."""
    return UserError(
        "speak.not_finite",
        "This checkpoint's weights are damaged: it produced no valid sound.",
        "Choose an earlier checkpoint.",
    )


def no_reference() -> UserError:
    """There is nobody to copy the voice from."""
    return UserError(
        "speak.no_reference",
        "There is no reference recording to take the voice from.",
        "Approve a few clips, or choose some as reference.",
    )


def unreadable_reference(name: str) -> UserError:
    """A recording of the speaker cannot be read."""
    return UserError(
        "speak.reference_unreadable",
        "The reference recording {name} cannot be read.",
        "Choose another clip as reference.",
        name=name,
    )


def short_reference(name: str) -> UserError:
    """A recording of the speaker says too little."""
    return UserError(
        "speak.reference_short",
        "The reference recording {name} is too short.",
        "Choose a clip of at least three seconds.",
        name=name,
    )
