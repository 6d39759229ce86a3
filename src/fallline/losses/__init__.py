"""2 LOSS: one loss a file. What training minimises; the final measure is another thing (`metrics.py`)."""

from fallline.losses.absolute import Absolute
from fallline.losses.base import AbstractRowLoss
from fallline.losses.hinge import Hinge
from fallline.losses.huber import Huber
from fallline.losses.log import LogLoss, Probability, SoftmaxLoss
from fallline.losses.own import AsTheyAre, OwnLoss
from fallline.losses.penalty import Penalty
from fallline.losses.poisson import Poisson, PoissonOfCount
from fallline.losses.quantile import Quantile
from fallline.losses.squared import Squared

__all__ = [
    "Absolute",
    "AbstractRowLoss",
    "AsTheyAre",
    "Hinge",
    "Huber",
    "LogLoss",
    "OwnLoss",
    "Penalty",
    "Poisson",
    "PoissonOfCount",
    "Probability",
    "Quantile",
    "SoftmaxLoss",
    "Squared",
]
