"""1 PREDICT: architectures. Each is a frozen value with `init(key)` and `predict(parameters, features)`."""

from fallline.models.linear import Linear
from fallline.models.mlp import Network

__all__ = ["Linear", "Network"]
