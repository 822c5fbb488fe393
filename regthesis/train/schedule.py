"""How long and how fast a network is trained, and how often it is looked at."""

import math
from dataclasses import asdict, dataclass

from regthesis.errors import UserError
from regthesis.kernels.shapes import Number

WARM_UP = 50  # steps over which an annealed rate rises


@dataclass(frozen=True)
class Schedule:
    """A number of steps of Adam, their rate, and what happens between them.

    Each of the `steps` takes `batch` samples. `rate` is Adam's step size and `l2` the weight decay (section 4.3). With
    `anneal` the rate rises over the first `WARM_UP` steps and falls to zero along half a cosine.

    Every `every` steps the curve gets a point, the validation samples are measured and a checkpoint is written. With
    `patience` training ends after so many measurements without a smaller one.

    Raises UserError for a number of steps or samples below 1.
    """

    steps: int
    rate: Number = 1.5e-4
    l2: Number = 1e-4
    anneal: bool = False
    batch: int = 1
    every: int = 500
    patience: int | None = None

    def __post_init__(self):
        if min(self.steps, self.batch, self.every) < 1:
            numbers = f"{self.steps}, {self.batch} and {self.every}"
            raise UserError(f"steps, batch and every: expected 1 or more, got {numbers}")

    def rate_of(self, step: int) -> float:
        """Adam's step size in a step, counted from 0."""
        if not self.anneal:
            return self.rate
        return self.rate * min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / self.steps))

    def measures(self, step: int) -> bool:
        """Whether the curve gets a point after so many steps, however long the run is."""
        return step % self.every == 0

    def is_over(self, step: int, waited: int) -> bool:
        """Whether training ends after so many steps, `waited` measurements after the smallest."""
        return step >= self.steps or (self.patience is not None and waited >= self.patience)

    def settings(self) -> dict:
        """What a resumed run must share: all but the number of steps, unless the rate depends on it."""
        shared = asdict(self)
        steps = shared.pop("steps")
        return shared | {"anneal": steps if self.anneal else None}
