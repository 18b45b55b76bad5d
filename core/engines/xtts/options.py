"""The settings that only XTTS has: its losses, its adapter, what it is conditioned on, and how it speaks. Light."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from core.engines.options import SPEED, AdapterTrainConfig, SpeakingOptions, adapter_dropout, form


class XttsTrainConfig(AdapterTrainConfig):
    """Everything an XTTS run is trained with."""

    text_loss_weight: float = Field(
        0.01,
        ge=0,
        le=1,
        description="How much predicting the text counts beside predicting the sound.",
        json_schema_extra=form("learning", after="grad_clip"),
    )
    train_what: Literal["lora", "last_layers", "full"] = Field(
        "lora",
        description="What learns: a small adapter, the last layers, or the whole model. More learns faster, by "
        "heart too, and needs memory and disk.",
        json_schema_extra=form("adapter", after="compile"),
    )
    last_layers: int = Field(
        6,
        ge=1,
        le=30,
        description="How many layers learn, counted from the last, if only the last layers do.",
        json_schema_extra=form("adapter", "layers", after="train_what"),
    )
    lora_dropout: float = adapter_dropout(0.05)
    conditioning: Literal["other", "masked"] = Field(
        "other",
        description="What a clip is copied from while learning: another clip, as when speaking, or a piece of "
        "itself that is then not learnt.",
        json_schema_extra=form("listening", after="lora_dora"),
    )
    reference_min_s: float = Field(
        3.0,
        ge=1,
        le=11,
        description="Shortest piece of another clip that the voice is copied from while learning.",
        json_schema_extra=form("listening", "s"),
    )
    reference_max_s: float = Field(
        6.0,
        ge=1,
        le=11,
        description="Longest piece of another clip that the voice is copied from while learning.",
        json_schema_extra=form("listening", "s"),
    )
    reference_pool: int = Field(
        512,
        ge=2,
        le=20_000,
        description="How many different pieces the voice is copied from in a run; each is computed once.",
        json_schema_extra=form("listening", "pieces"),
    )

    @model_validator(mode="after")
    def _lengths_in_order(self) -> XttsTrainConfig:
        if self.reference_min_s > self.reference_max_s:
            raise ValueError("reference_min_s must not be longer than reference_max_s")
        return self


class XttsSpeakingOptions(SpeakingOptions):
    """How XTTS may be asked to speak; the defaults are the published model's."""

    speed: float = SPEED
    temperature: float = Field(
        0.75,
        ge=0.01,
        le=2,
        description="How freely it speaks: higher is livelier and less sure, lower is calmer and may sound flat.",
        json_schema_extra=form("speaking", step=0.05),
    )
    top_p: float = Field(
        0.85,
        ge=0.01,
        le=1,
        description="Of all sounds that could come next only the likeliest are considered, up to this share.",
        json_schema_extra=form("speaking", step=0.05),
    )
    top_k: int = Field(
        50,
        ge=1,
        le=1000,
        description="Of all sounds that could come next at most so many are considered.",
        json_schema_extra=form("speaking", step=1),
    )
    repetition_penalty: float = Field(
        10.0,
        ge=0.1,
        le=50,
        description="How strongly it avoids sounds that it has just made. Raise it where it stutters or drags.",
        json_schema_extra=form("speaking", step=0.5),
    )
    length_penalty: float = Field(
        1.0,
        ge=-10,
        le=10,
        description="Above 1 longer readings are preferred where several are followed at once.",
        json_schema_extra=form("speaking", step=0.1),
    )
