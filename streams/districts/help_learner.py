"""What lessons of all partitions teach: weights of the chance that somebody needs help. Pure; for the stage that gathers them.

river's logistic regression by stochastic gradient (`streams.cases.help_model` says over what). The prior of each lesson is its
intercept and is not learned, so the weights begin at 0, which is the prior. They are told in part,

    told = w n / (n + 50), each w between -2 and 2

with n lessons: as if 50 closings had said that the prior is right. Lessons of one `learn` are taken in an order of their
own, so that it makes no difference in which they came; whoever calls gives each five minutes' lessons at once, in the order
of their times.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from schemas.district import Lesson, is_sound_lesson
from streams.cases.help_model import FURTHEST, NAMES

RATE: Final = 0.03
"""Step of the stochastic gradient: constant, so that the latest thousand closings count and older ones fade (docs/learning.md)."""
PENALTY: Final = 0.002
"""What draws each weight back to the prior, with every lesson."""
STEADY: Final = 50.0
"""So many closings the prior weighs, assumed."""
_FORM: Final = 1


class Learner:
    """The shared model. The same lessons in the same batches give the same weights, bit for bit."""

    def __init__(self) -> None:
        self.lessons = 0
        """So many have taught it."""
        self._model: Any = None
        """river's; None until the first lesson: what stands behind it takes a worker a second to load."""

    def learn(self, lessons: Iterable[Lesson]) -> list[float]:
        """Take a batch, in whatever order; return the weights. Lessons of another shape, of a version with other features, teach nothing."""
        sound = [one for one in lessons if len(one.x) == len(NAMES) + 1 and is_sound_lesson(one)]
        for one in sorted(sound, key=lambda each: (each.x, each.y)):
            self._learn_one(one)
        return self.weights

    def _learn_one(self, lesson: Lesson) -> None:
        *x, prior = lesson.x
        if self._model is None:
            self._model = _model([0.0] * len(NAMES))
        self._model.intercept = prior
        self._model.learn_one(dict(zip(NAMES, x, strict=True)), lesson.y >= 1.0)
        known = self._raw()
        if any(abs(w) > FURTHEST for w in known):
            self._model = _model([max(-FURTHEST, min(FURTHEST, w)) for w in known])
        self.lessons += 1

    @property
    def weights(self) -> list[float]:
        """The weights as they are told, by `NAMES`."""
        share = self.lessons / (self.lessons + STEADY)
        return [round(share * w, 4) for w in self._raw()]

    def _raw(self) -> list[float]:
        if self._model is None:
            return [0.0] * len(NAMES)
        known = self._model.weights
        return [float(known.get(name, 0.0)) for name in NAMES]

    def state(self) -> bytes:
        """Return all that it is."""
        return msgspec.msgpack.encode([_FORM, list(NAMES), self.lessons, self._raw()])

    @classmethod
    def restore(cls, state: bytes) -> "Learner":
        """Return the learner of a `state()`. A feature that it did not know yet begins at the prior.

        Raises:
            ValueError: no such state.

        """
        try:
            form, names, lessons, raw = msgspec.msgpack.decode(state, type=tuple[int, list[str], int, list[float]])
            if form != _FORM:
                raise ValueError(f"a learner of form {form}")
            known = dict(zip(names, raw, strict=True))
        except msgspec.MsgspecError as error:
            raise ValueError("no state of a learner") from error
        learner = cls()
        learner.lessons = lessons
        if lessons:
            learner._model = _model([known.get(name, 0.0) for name in NAMES])
        return learner


def _model(weights: list[float]) -> Any:
    """Return river's logistic regression with these weights."""
    from river import linear_model, optim  # noqa: PLC0415 - loads scipy.stats: a second of every start of a worker

    model = linear_model.LogisticRegression(optimizer=optim.SGD(RATE), l2=PENALTY, intercept_lr=0.0)
    model._weights.update(dict(zip(NAMES, weights, strict=True)))  # noqa: SLF001 - river has no other way to go on from weights
    return model
