"""DescentClassifier: classes as targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from fallline.errors import DataError, SettingsError
from fallline.estimators.base import Descent
from fallline.estimators.documented import documented
from fallline.estimators.predicting import responses, scores
from fallline.estimators.units import Table
from fallline.losses import Hinge, LogLoss, SoftmaxLoss
from fallline.settings import parts_of


def _gives_probabilities(self: DescentClassifier) -> bool:
    if self.loss == "hinge":
        raise AttributeError("loss='hinge' gives scores that are no probabilities. Try loss='log'.")
    return True


@documented
class DescentClassifier(ClassifierMixin, Descent):
    """Classification by gradient descent, every step of it recorded and judged.

    Two classes have one score (logistic regression), more have one each (softmax regression). Minimises the
    weighted mean of the row losses plus l1 * sum|w| + l2 / 2 * sum w², columns brought to mean 0 and standard
    deviation 1 first (without a bias they are not centred). Penalties are in those units; coef_ and intercept_
    in yours.

    A row of weight 3 gives the same bits as three equal rows, and the order of the rows does not matter. (Weights
    that are not whole numbers, or are above 10 on average, share the objective of repeated rows, and also their
    bits where every step sees every row; in smaller batches such a row is drawn once an epoch.)

    Parameters
    ----------
    {parameters}
    class_weight : dict, "balanced" or None, default=None
        What each class counts, times the rows' own weights. "balanced" makes all classes count alike.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted. Rows of weight 0 don't count.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Weights of a linear model, score per column unit. For softmax they add up to 0 over the classes.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Its scores where all columns are 0.
    {attributes}

    Examples
    --------
    >>> import numpy as np
    >>> from fallline import DescentClassifier
    >>> X = np.array([[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]])
    >>> y = np.array(["low", "low", "high", "low", "high", "high"])
    >>> model = DescentClassifier(rate=1.0).fit(X, y)
    >>> model.predict([[0.0], [7.0]]).tolist(), model.predict_proba([[3.5]]).round(2).tolist()
    (['low', 'high'], [[0.5, 0.5]])
    >>> model.verdict_.state
    'converged'
    """

    classes_: np.ndarray

    def __init__(
        self,
        *,
        model: str = "auto",
        activation: str = "relu",
        init: str = "auto",
        output: str = "auto",
        bias: bool = True,
        loss: str = "auto",
        l1: float = 0.0,
        l2: float = 0.0,
        rule: str = "plain",
        rate: float | Literal["auto"] = "auto",
        schedule: str = "constant",
        batch: int | Literal["auto", "full"] = "auto",
        epochs: int = 200,
        stop: str | None = "plateau",
        clip: float | None = None,
        average: str | None = None,
        standardize: bool = True,
        precision: Literal[32, 64] = 32,
        seed: int = 0,
        warm_start: bool = False,
        class_weight: Mapping[Any, float] | str | None = None,
    ):
        super().__init__(
            model=model,
            activation=activation,
            init=init,
            output=output,
            bias=bias,
            loss=loss,
            l1=l1,
            l2=l2,
            rule=rule,
            rate=rate,
            schedule=schedule,
            batch=batch,
            epochs=epochs,
            stop=stop,
            clip=clip,
            average=average,
            standardize=standardize,
            precision=precision,
            seed=seed,
            warm_start=warm_start,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> DescentClassifier:
        """Train for up to `epochs` epochs; with warm_start, that many more.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Classes: numbers, strings, whatever can be sorted.
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
        return self._train(X, y, sample_weight, self._earlier(), one_epoch=False)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> DescentClassifier:
        """Train for one epoch over these rows, from where the last call left off.

        The first call fixes the classes, the units of the columns, and the rate when it is "auto". Schedules and
        averages span `epochs` calls. As many calls on the same rows as there are `epochs` give the bits of
        fit(X, y) with stop=None. A batch is at most the rows of a call.

        Parameters
        ----------
        classes : array-like of shape (n_classes,), default=None
            All classes that there are. Needed in the first call, since these rows may not have all of them.

        The rest is as in `fit`.
        """
        if self.class_weight == "balanced":
            raise SettingsError(
                "class_weight='balanced' needs all rows, and partial_fit sees some of them.\n"
                "Give a weight for each class instead."
            )
        earlier = getattr(self, "_learned", None)
        if classes is not None:
            classes = np.unique(column_or_1d(classes))
            if earlier is not None and not np.array_equal(classes, self.classes_):
                raise DataError(
                    f"classes={classes} is not what it was in the first call of partial_fit: {self.classes_}."
                )
        elif earlier is None:
            raise DataError("classes must be passed on the first call to partial_fit.")
        return self._train(X, y, sample_weight, earlier, one_epoch=True, classes=classes)

    def decision_function(self, X: Any) -> np.ndarray:
        """The score of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Of two classes, above 0 means the second; of more, the largest wins. For softmax the scores of a row
            add up to 0.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        learned = self._learned
        parts, model = learned.parts, learned.parts.model
        columns = learned.units.columns(X)
        own = "sigmoid" if model.outputs == 1 else "softmax"
        if isinstance(parts.loss, LogLoss | SoftmaxLoss | Hinge):
            found = scores(model, learned.parameters, columns)
        elif model.output == own:  # it does not change the order of the scores, but may round them to 1
            found = scores(replace(model, output="identity"), learned.parameters, columns)
        else:
            found = responses(parts, learned.parameters, columns) - (0.5 if model.outputs == 1 else 0.0)
        return self._of_classes(found.T).T

    def predict(self, X: Any) -> np.ndarray:
        """The class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        score = self.decision_function(X)
        return self.classes_[score.argmax(axis=1) if score.ndim == 2 else (score > 0).astype(int)]

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class. Not there for loss="hinge".

        An output function that gives no probabilities has its numbers cut to 0 to 1, and divided by their sum.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), columns in the order of `classes_`
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        learned = self._learned
        found = responses(learned.parts, learned.parameters, learned.units.columns(X)).clip(0, 1)
        if found.ndim == 1:
            return np.column_stack([1 - found, found])
        total = found.sum(axis=1, keepdims=True)
        return np.where(total > 0, found / np.where(total > 0, total, 1.0), 1 / found.shape[1])

    def _line(self) -> tuple[np.ndarray, np.ndarray]:
        weights, bias = super()._line()
        return np.atleast_2d(self._of_classes(weights.T)), np.atleast_1d(self._of_classes(bias))

    def _of_classes(self, score: np.ndarray) -> np.ndarray:
        """Scores or weights, classes first: two become their difference, more are centred where softmax leaves
        their common part open."""
        if self._learned.parts.model.outputs == 1:
            return score
        if len(self.classes_) == 2:
            return score[1] - score[0]
        if isinstance(self._learned.parts.loss, SoftmaxLoss):
            return score - score.mean(axis=0)
        return score

    def _train(self, X, y, sample_weight, earlier, *, one_epoch: bool, classes=None) -> DescentClassifier:
        settings = self._settings()
        checked: Any = validate_data(self, X, y, dtype=np.float64, reset=earlier is None)
        X, y = checked
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        weight = self._weighted(X, sample_weight)
        there = weight > 0
        X, y, weight = X[there], y[there], weight[there]
        if earlier is not None:
            classes = self.classes_
        elif classes is None:
            classes = np.unique(y)
        codes = _codes(y, classes)
        if len(classes) < 2:
            raise DataError(f"y has {len(classes)} class, but telling classes apart needs at least 2 classes.")
        weight = weight * class_weights(self.class_weight, classes, codes, weight)[codes]
        if not weight.any():
            raise DataError("class_weight gives every row a weight of 0.")
        parts = parts_of(settings, features=X.shape[1], task="classes", classes=len(classes))
        if earlier is None:
            self.classes_ = classes
        self._learn(
            Table(X, codes.astype(np.float64), weight).take(weight > 0),
            settings,
            parts,
            earlier,
            "always predicting how common the classes are",
            centred_target=False,
            one_epoch=one_epoch,
        )
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = self.model != "logistic"
        return tags


def _codes(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The place of each row's class among all. Raises DataError for a class that is not among them."""
    codes = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    unknown = classes[codes] != y
    if unknown.any():
        raise DataError(f"y has the class {y[unknown][0]!r}, but the classes are {classes.tolist()}.")
    return codes


def class_weights(asked: Any, classes: np.ndarray, codes: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """What each class counts. "balanced": in total all count alike, and the mean over the rows is 1."""
    if asked is None:
        return np.ones(len(classes))
    if isinstance(asked, str) and asked == "balanced":
        counts = np.bincount(codes, weight, minlength=len(classes))
        return counts.sum() / (len(classes) * np.where(counts > 0, counts, 1.0))
    if not isinstance(asked, Mapping):
        raise SettingsError(f"class_weight is {asked!r}.\nGive 'balanced', or a dict of a weight for each class.")
    known = classes.tolist()
    for name in asked:
        if name not in known:
            raise SettingsError(f"class_weight names the class {name!r}, but the classes are {known}.")
    found = np.array([float(asked.get(c, 1.0)) for c in known])
    if not (np.isfinite(found) & (found >= 0)).all():
        raise SettingsError(f"class_weight is {asked!r}, but a weight is a number of 0 or more.")
    return found
