"""The tree of explanations as data: a file a branch, in the order in which a newcomer asks."""

from __future__ import annotations

from fallline.explain.topic import Topic
from fallline.explain.topics import (
    ability,
    before,
    data,
    deployment,
    ending,
    faults,
    gradient,
    loss,
    problem,
    rate,
    update,
    way,
)

TOPICS: tuple[Topic, ...] = (
    *problem.TOPICS,
    *data.TOPICS,
    *faults.TOPICS,
    *before.TOPICS,
    *loss.TOPICS,
    *gradient.TOPICS,
    *update.TOPICS,
    *rate.TOPICS,
    *way.TOPICS,
    *ability.TOPICS,
    *ending.TOPICS,
    *deployment.TOPICS,
)
