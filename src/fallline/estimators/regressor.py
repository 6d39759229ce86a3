"""DescentRegressor: numbers as targets."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from fallline import words
from fallline.errors import DataError, SettingsError
from fallline.estimators.base import Descent
from fallline.estimators.documented import documented
from fallline.estimators.predicting import responses
from fallline.estimators.units import Table
from fallline.losses import Poisson, PoissonOfCount
from fallline.settings import parts_of


@documented
class DescentRegressor(RegressorMixin, Descent):
    """Regression by gradient descent, every step of it recorded and judged.

    Minimises the weighted mean of the row losses plus l1 * sum|w| + l2 / 2 * sum w², columns and target brought
    to mean 0 and standard deviation 1 first (the target not for loss="poisson"; without a bias nothing is
    centred). Penalties and the numbers of a loss are in those units; coef_, intercept_ and predictions in yours.

    A row of weight 3 gives the same bits as three equal rows, and the order of the rows does not matter. (Weights
    that are not whole numbers, or are above 10 on average, share the objective of repeated rows, and also their
    bits where every step sees every row; in smaller batches such a row is drawn once an epoch.)

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Weights of a linear model, target units per column unit.
    intercept_ : ndarray of shape (1,)
        Its prediction where all columns are 0.
    {attributes}

    Examples
    --------
    >>> import numpy as np
    >>> from fallline import DescentRegressor
    >>> X = np.array([[1000.0], [2000.0], [3000.0], [4000.0]])
    >>> y = 10 + X[:, 0] / 100
    >>> model = DescentRegressor(batch="full").fit(X, y)
    >>> model.verdict_.state, model.predict([[5000.0]]).round(1).tolist()
    ('converged', [60.0])
    >>> model.coef_.round(4).tolist(), model.intercept_.round(1).tolist()
    ([0.01], [10.0])
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> DescentRegressor:
        """Train for up to `epochs` epochs; with warm_start, that many more.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
            What each row counts: 0 is as if it were absent, 2 as if it were there twice.

        Returns
        -------
        self

        Warns
        -----
        ConvergenceWarning
            Training diverged, ended worse than a constant prediction, or was interrupted; `verdict_` says more.

        Raises
        ------
        ValueError
            A parameter or the data won't do. Divergence does not raise.
        """
        return self._train(X, y, sample_weight, one_epoch=False)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> DescentRegressor:
        """Train for one epoch over these rows, from where the last call left off.

        The first call fixes the units of columns and target, and the rate when it is "auto". Schedules and averages
        span `epochs` calls. As many calls on the same rows as there are `epochs` give the bits of
        fit(X, y) with stop=None. A batch is at most the rows of a call.

        Parameters, warnings and errors are those of `fit`.
        """
        return self._train(X, y, sample_weight, one_epoch=True)

    def predict(self, X: Any) -> np.ndarray:
        """The prediction for each row, in the target's units.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), float64
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        learned = self._learned
        return learned.units.response(responses(learned.parts, learned.parameters, learned.units.columns(X)))

    def _train(self, X: Any, y: Any, sample_weight: Any, one_epoch: bool) -> DescentRegressor:
        settings = self._settings()
        if settings.model in ("logistic", "softmax"):
            raise SettingsError(f"model '{settings.model}' tells classes apart.\nTry DescentClassifier.")
        earlier = getattr(self, "_learned", None) if one_epoch else self._earlier()
        checked: Any = validate_data(self, X, y, dtype=np.float64, y_numeric=True, reset=earlier is None)
        X, y = checked[0], np.asarray(checked[1], np.float64)
        weight = self._weighted(X, sample_weight)
        parts = parts_of(settings, features=X.shape[1], task="regression")
        counts = isinstance(parts.loss, Poisson | PoissonOfCount)
        if counts and y.min() < 0:
            raise DataError(f"loss='poisson' needs counts, but y has {y.min():g}.\nTry loss='squared'.")
        self._learn(
            Table(X, y, weight).take(weight > 0),
            settings,
            parts,
            earlier,
            f"always predicting {words.constant_name(type(parts.loss).__name__)}",
            centred_target=not counts,
            one_epoch=one_epoch,
        )
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
