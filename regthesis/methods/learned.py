"""What all trained networks share: weights that have not seen the patient, whatever the network predicts."""

from __future__ import annotations

import hashlib
import time
from abc import abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar
from warnings import catch_warnings, warn

from torch import nn

from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.errors import DomainWarning, UserError
from regthesis.methods.base import Method, seconds_since
from regthesis.train import read_card
from regthesis.weights import card_of, load, unseen


@dataclass(frozen=True)
class Learned(Method):
    """A method whose deformations come from a trained network; subclasses say which, and implement `predict`.

    `weights` is a file, or a folder with a file for each fold of a cross-validation. A case is registered by the first
    of these networks that was neither trained nor validated on its patient, known by `case.identity`.
    """

    network_class: ClassVar[type[nn.Module]]  # its objects have a `shape`, the grid that they take
    command: ClassVar[str]  # of `regthesis train`, which makes such networks
    weights: Path

    @abstractmethod
    def predict(self, network: nn.Module, case: Case) -> Deformation:
        """What a network says of a case, on the case's grid and device: a displacement, and what else it knows.

        A network of velocities has `Deformation.exp`, one of parameters or of whole sequences fills `Deformation`.
        """

    def register(self, case: Case) -> Deformation:
        """As every method's. Reading weights is not counted in the seconds.

        Warns and raises as `network`.
        """
        network = self.network(case).to(case.images.device)
        start = time.perf_counter()
        found = self.predict(network, case)
        return replace(found, seconds=seconds_since(start, found.u.device))

    def network(self, case: Case) -> nn.Module:
        """The network that registers a case, in evaluation mode.

        Warns and raises as `weights_for`, and raises UserError for images with another number of axes.
        """
        file = self.weights_for(case)
        network = load(file, self.network_class)
        if len(network.shape) != case.grid.rank:
            raise UserError(f"{case.id}: {case.grid.rank}-D images, but {file} is for {len(network.shape)}-D ones")
        return network

    def weights_for(self, case: Case) -> Path:
        """The file of weights that registers a case: its network has not seen the patient.

        Warns with a `DomainWarning` where the images are not of the data set that the network was trained on.

        Raises:
            UserError: there are no weights.
            Refused: all networks have seen the patient, or may have: the case comes from their own data set, but no
                card knows the patient.
        """
        file = unseen(self.weights_of(case), self.command, case)
        card = card_of(file)
        if card.dataset != case.dataset and not card.names_of(case.identity):
            text = f"{self.name} was trained on {card.dataset or 'other images'} alone; look at what it makes of these"
            warn(text, DomainWarning, stacklevel=2)
        return file

    def weights_of(self, case: Case) -> Path:
        """The weights among which `weights_for` a case chooses."""
        return self.weights

    def check(self, case: Case) -> None:
        """Raises as `weights_for`."""
        with catch_warnings(action="ignore"):
            self.weights_for(case)

    def about(self, case: Case) -> dict:
        """The file of the weights that `case` is registered with, its SHA-256, and the fold that they left out."""
        file = self.weights_for(case)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        return {"weights": {"file": str(file), "sha256": digest, "fold": read_card(file).get("fold")}}


def with_weights(method: Method, folder: Path) -> Method:
    """The method with the weights of its name in a folder, such as `s3`; a method that does not learn as it is."""
    return replace(method, weights=folder / method.weights.name) if isinstance(method, Learned) else method
