"""Conditional flow-matching loss: the numbers of the package's ``CFM.forward``, clip by clip."""

from __future__ import annotations

from torch import Tensor

from core.engines.f5.model.forward import embed_texts, padding_mask, velocity
from core.engines.f5.model.package import DiT
from core.engines.f5.train.collate import Batch


def flow_loss(transformer: DiT, batch: Batch, *, checkpointing: bool = False) -> Tensor:
    """Mean squared error of the velocity over the frames that have to be filled in.

    Between noise and mel at a clip's time the model is asked where to move; the rest of the clip and its text are what
    it is told. Source: ``f5_tts/model/cfm.py: CFM.forward`` (f5-tts 1.1.22), with what is left out at random thrown for
    each clip instead of each batch.
    """
    device = batch.mel.device
    mask = padding_mask(batch.frames, device)
    text = embed_texts(transformer, batch.texts, batch.frames, batch.text_dropped)
    times = batch.times[:, None, None]
    noisy = (1 - times) * batch.noise + times * batch.mel
    context = batch.mel.masked_fill((batch.span | batch.audio_dropped[:, None])[..., None], 0.0)
    flow = velocity(transformer, noisy, context, text, batch.times, mask, checkpointing=checkpointing)
    error = (flow.float() - (batch.mel - batch.noise)).pow(2).mean(dim=2)
    return (error * batch.span).sum() / batch.targets
