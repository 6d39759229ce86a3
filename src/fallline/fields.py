"""Every setting once: name, default, help and range. `settings.py` makes parts of them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """What a training is asked to do. The names are the same in Python and on the command line."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    model: str = Field("auto", description="linear, logistic, softmax or mlp:SIZES such as mlp:64,64")
    activation: str = Field("relu", description="between the layers of a network: relu, tanh, gelu, sigmoid")
    init: str = Field("auto", description="start weights: auto, he, glorot, normal:SD, uniform:L, constant:C, at:W,W")
    output: str = Field("auto", description="the last layer's activation: auto, identity, sigmoid, softmax, ...")
    bias: bool = Field(True, description="whether layers have a bias")
    loss: str = Field("auto", description="squared, absolute, huber:DELTA, quantile:Q, log, hinge, poisson")
    l1: float = Field(0.0, ge=0, description="penalty l1 * sum|w|")
    l2: float = Field(0.0, ge=0, description="penalty l2 / 2 * sum w^2")
    rule: str = Field("plain", description="plain, momentum:B, nesterov:B, adagrad, rmsprop, adam, lion, ...")
    rate: float | Literal["auto"] = Field("auto", description="learning rate, or auto: chosen by trial runs")
    rate_changes: str | None = Field(None, description="later rates: STEP:RATE with commas, such as 200:0.05")
    schedule: str = Field("constant", description="constant, step, inverse, exponential, cosine, onecycle, ...")
    batch: int | Literal["auto", "full"] = Field("auto", description="rows a step: a number, full, or auto")
    epochs: int = Field(200, ge=1, description="how often every row is seen, at most")
    steps: int | None = Field(None, ge=1, description="updates, at most")
    seconds: float | None = Field(None, gt=0, description="time, at most")
    stop: str | None = Field("plateau", description="plateau, patience:N, both with a comma, or none")
    clip: float | None = Field(None, gt=0, description="longest gradient; a longer one is shortened to it")
    average: str | None = Field(None, description="average the weights: tail:PART or ema:DECAY")
    standardize: bool = Field(True, description="bring columns to mean 0 and standard deviation 1")
    precision: Literal[32, 64] = Field(32, description="bits of a number")
    seed: int = Field(0, ge=0, lt=2**63, description="of start weights, shuffling and splits")
