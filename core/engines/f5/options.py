"""The settings that only F5-TTS has: what learns, its adapter, what is left out at random, how it speaks. Light."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from core.engines.options import SPEED, AdapterTrainConfig, SpeakingOptions, form


class F5TrainConfig(AdapterTrainConfig):
    """Everything an F5 run is trained with."""

    # A mean that reaches far back holds the base more than the voice: of 0.9999 only a few percent of a run.
    ema_decay: float = Field(
        0.0,
        ge=0,
        le=0.99,
        description="Above 0, checkpoints hold a running mean of the weights, smoother than the last ones; 0.99 "
        "spans about a hundred updates.",
        json_schema_extra=form("learning", log=True),
    )
    audio_drop: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Share of clips that are learnt without hearing the rest of the clip, so that the text alone can "
        "lead.",
        json_schema_extra=form("learning", after="dropout", step=0.05),
    )
    text_drop: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Share of clips that are learnt without text and sound; speaking needs it to tell how much the "
        "text should count.",
        json_schema_extra=form("learning", step=0.05),
    )
    span_min: float = Field(
        0.7,
        gt=0,
        le=1,
        description="The least part of a clip that has to be filled in; the rest is what the voice is copied from.",
        json_schema_extra=form("learning", step=0.05),
    )
    span_max: float = Field(
        1.0,
        gt=0,
        le=1,
        description="The most of a clip that has to be filled in.",
        json_schema_extra=form("learning", step=0.05),
    )
    train_what: Literal["lora", "full"] = Field(
        "lora",
        description="What learns: a small adapter, or the whole model, which needs memory and disk and soon forgets "
        "other voices.",
        json_schema_extra=form("adapter", after="compile"),
    )
    train_text: bool = Field(
        False,
        description="Let the model's reading of letters learn beside the adapter: for a language that the base does "
        "not speak.",
        json_schema_extra=form("adapter", after="train_what"),
    )

    @model_validator(mode="after")
    def _span_in_order(self) -> F5TrainConfig:
        if self.span_min > self.span_max:
            raise ValueError("span_min must not be more than span_max")
        return self


class F5SpeakingOptions(SpeakingOptions):
    """How F5-TTS may be asked to speak; the defaults are the package's."""

    speed: float = SPEED
    steps: int = Field(
        32,
        ge=1,
        le=256,
        description="In how many steps noise becomes speech. 16 take half the time and sound nearly as good.",
        json_schema_extra=form("speaking", step=1),
    )
    guidance: float = Field(
        2.0,
        ge=0,
        le=20,
        description="Closeness to the text: too little mumbles, too much sounds harsh. 0 takes half the time.",
        json_schema_extra=form("speaking", step=0.1),
    )
    sway: float = Field(
        -1.0,
        ge=-1,
        le=2,
        description="Below 0 more of the steps are spent on the words, above 0 on the sound of the voice.",
        json_schema_extra=form("speaking", step=0.1),
    )
