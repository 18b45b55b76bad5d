"""The device that a setting stands for."""

from __future__ import annotations

import torch

from core.errors import UserError


def device_for(setting: str = "auto") -> str:
    """``"cuda"`` or ``"cpu"`` for the setting ``auto``, ``cuda`` or ``cpu``.

    Raises:
        UserError: ``device.no_cuda``: a card was demanded and none can be used.
    """
    if setting == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if setting == "cuda":
        raise UserError(
            "device.no_cuda",
            "No usable graphics card was found.",
            "Set the device to “auto”, or look at the System page for what is wrong with the driver.",
        )
    return "cpu"
