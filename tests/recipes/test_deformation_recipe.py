"""Training on the ACDC layout: folds are fair and closed, and what a card says of them holds."""

import pytest

from regthesis.datasets import acdc, phantom
from regthesis.errors import UserError
from regthesis.methods.cvae import CVAE
from regthesis.models.deformation import DeformationCVAE
from regthesis.recipes.deformation import folds, train
from regthesis.weights import Card


def build(frame: acdc.Frame) -> DeformationCVAE:
    return DeformationCVAE(frame.shape, frame.spacing, latent=4)


@pytest.fixture(scope="module")
def hearts(tmp_path_factory):
    """Fifteen phantoms, three a group."""
    root = tmp_path_factory.mktemp("hearts")
    phantom.make(root, subjects=15, seed=1, size="quick")
    return root


@pytest.mark.slow
def test_folds_have_all_patients_once_and_all_groups(hearts):
    dealt = folds(hearts, 3)
    assert sorted(sum(dealt, [])) == acdc.patients(hearts)
    for fold in dealt:
        assert {acdc.read_info(hearts / patient)["Group"] for patient in fold} == {"DCM", "HCM", "MINF", "NOR", "RV"}


@pytest.mark.slow
def test_a_fold_that_was_left_out_was_not_seen(hearts, tmp_path):
    dealt = folds(hearts, 3)
    card = train(hearts, tmp_path, build, fold=2, count=3, frame="quick", steps=2, every=1, skip=dealt[0][:1])
    assert card["held_out"] == dealt[1] and len(card["validated"]) == 5 and len(card["trained"]) == 4
    assert not {*card["trained"], *card["validated"]} & {*dealt[1], dealt[0][0]}
    unseen, seen = (acdc.read(hearts, patient, acdc.QUICK) for patient in (dealt[1][0], card["trained"][0]))
    assert Card(card).has_seen(seen.identity) and not Card(card).has_seen(unseen.identity)
    assert card["identities"].keys() == set(acdc.patients(hearts))
    assert CVAE(tmp_path).register(unseen).u.shape == (1, 3, *acdc.QUICK.shape)
    with pytest.raises(UserError, match="have seen this patient"):
        CVAE(tmp_path).register(seen)
    with pytest.raises(UserError, match="have seen this patient"):  # nor in another frame
        CVAE(tmp_path).register(acdc.read(hearts, card["trained"][0], acdc.FULL))


@pytest.mark.parametrize(
    "wrong, message", [({"fold": 6}, "fold: expected 0"), ({"fold": 1, "frame": "huge"}, "frame 'huge'")]
)
def test_wrong_arguments(tmp_path, wrong, message):
    with pytest.raises(UserError, match=message):
        train(tmp_path, tmp_path, build, **wrong)
