"""What a training run shows while it runs: a bar, and TensorBoard's scalars where that is installed."""

from pathlib import Path

try:
    from tqdm import tqdm
except ModuleNotFoundError:  # a bare training machine
    tqdm = None


class Report:
    """A bar on a terminal and `events.out...` files in `out`; neither of them with `quiet`."""

    def __init__(self, out: Path, steps: int, start: int, quiet: bool = False):
        self.bar = (
            tqdm(total=steps, initial=start, desc="training", unit="step", disable=quiet or None) if tqdm else None
        )
        self.writer = None if quiet else _writer(out, start)

    def __enter__(self) -> "Report":
        return self

    def __exit__(self, *_) -> None:
        if self.bar is not None:
            self.bar.close()
        if self.writer is not None:
            self.writer.close()

    def step(self, step: int, scalars: dict[str, float]) -> None:
        """A step was made."""
        if self.bar is not None:
            self.bar.update()
            self.bar.set_postfix({"loss": f"{scalars['loss']:.4g}"}, refresh=False)
        self._write("train", step, scalars)

    def point(self, step: int, measure: float | None) -> None:
        """The validation samples, if there are any, were measured."""
        if measure is not None:
            self._write("validation", step, {"measure": measure})

    def _write(self, group: str, step: int, scalars: dict[str, float]) -> None:
        if self.writer is not None:
            for name, value in scalars.items():
                self.writer.add_scalar(f"{group}/{name}", value, step)


def _writer(out: Path, start: int):
    """A writer whose later points take the place of those that a stopped run left, or None without TensorBoard."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(out), purge_step=start + 1)
