"""The loop behind scikit-learn's protocol: fit, partial_fit, predict, and a verdict on every fit.

`base.py` fits, `units.py` brings columns and target to a common scale and back, `history.py` holds the recorded
steps, `predicting.py` evaluates a fitted model; `regressor.py` and `classifier.py` say what is special about each.
"""

from fallline.estimators.classifier import DescentClassifier
from fallline.estimators.regressor import DescentRegressor

__all__ = ["DescentClassifier", "DescentRegressor"]
