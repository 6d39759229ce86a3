"""Figures: one file a figure, a frame in and an Altair chart out. They read a run and need no JAX."""

from fallline.figures.confusion import draw_confusion
from fallline.figures.gradient import draw_gradient
from fallline.figures.loss import draw_loss
from fallline.figures.measure import draw_measure
from fallline.figures.predicted import draw_predicted
from fallline.figures.rate import draw_rate
from fallline.figures.rates import draw_rates
from fallline.figures.slice import draw_slice

__all__ = [
    "draw_confusion",
    "draw_gradient",
    "draw_loss",
    "draw_measure",
    "draw_predicted",
    "draw_rate",
    "draw_rates",
    "draw_slice",
]
