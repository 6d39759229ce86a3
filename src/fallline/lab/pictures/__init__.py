"""The pictures of the page, in the order in which they stand there. The first four are the first sight."""

from fallline.lab.pictures.fit import FIT
from fallline.lab.pictures.gradient import GRADIENT
from fallline.lab.pictures.layers import LAYERS
from fallline.lab.pictures.loss import LOSS
from fallline.lab.pictures.metric import METRIC
from fallline.lab.pictures.picture import Picture
from fallline.lab.pictures.rate import RATE
from fallline.lab.pictures.slice import SLICE
from fallline.lab.pictures.surface import SURFACE

__all__ = ["PICTURES", "Picture"]

PICTURES: dict[str, Picture] = {each.name: each for each in (SLICE, LOSS, FIT, GRADIENT, SURFACE, RATE, LAYERS, METRIC)}
