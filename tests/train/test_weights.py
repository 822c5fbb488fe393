"""Weight files: what comes back, and that nothing but this package's own files is taken."""

import pickle
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regthesis.errors import UserError
from regthesis.models.deformation import DeformationCVAE
from regthesis.train import load_weights, read_card, save_weights, weights_hash
from regthesis.train.tensors import read, write


@pytest.fixture
def file(network, tmp_path):
    save_weights(tmp_path / "w.safetensors", network(), {"seed": 7})
    return tmp_path / "w.safetensors"


def test_the_same_network_comes_back(file, network):
    model, card = load_weights(file, DeformationCVAE)
    assert card["seed"] == 7 and not model.training
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in network().state_dict().items())


def test_others_can_open_it(file):
    assert "mu.weight" in safetensors.torch.load_file(file)


def test_weights_shipped_in_half_precision_are_computed_with_in_single(file, network):
    """Half of the size in the repository; the numbers come back to eleven bits."""
    tensors, card = read(file)
    write(file, {name: tensor.half() for name, tensor in tensors.items()}, card)
    model, _ = load_weights(file, DeformationCVAE)
    for mine, its in zip(model.parameters(), network().parameters(), strict=True):
        assert mine.dtype == torch.float32
        torch.testing.assert_close(mine, its, rtol=2**-11, atol=1e-7)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(share=st.floats(0, 0.999))
def test_a_truncated_file_is_refused(share):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "w.safetensors"
        torch.manual_seed(0)
        save_weights(path, DeformationCVAE((8, 8), (1.0, 1.0), latent=2, scales=1), {})
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(UserError, match="truncated"):
            load_weights(path, DeformationCVAE)


def test_a_pickle_is_refused_and_never_opened(tmp_path):
    opened = tmp_path / "opened"

    class Trap:
        def __reduce__(self):
            return open, (str(opened), "w")

    path = tmp_path / "w.safetensors"
    path.write_bytes(pickle.dumps(Trap()) * 50)
    with pytest.raises(UserError, match="not a safetensors file"):
        load_weights(path, DeformationCVAE)
    assert not opened.exists()


def test_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    safetensors.torch.save_file({"mu.weight": torch.ones(3)}, path)
    with pytest.raises(UserError, match="made elsewhere"):
        load_weights(path, DeformationCVAE)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="none.safetensors: no such file"):
        read_card(tmp_path / "none.safetensors")


def test_another_network_is_refused(file):
    class Other(DeformationCVAE):
        pass

    with pytest.raises(UserError, match="holds DeformationCVAE, not Other"):
        load_weights(file, Other)


def test_weights_that_do_not_fit_their_card_are_refused(network, tmp_path):
    model = network()
    model.arguments["latent"] = 4
    save_weights(tmp_path / "w.safetensors", model, {})
    with pytest.raises(UserError, match="does not fit this version's DeformationCVAE"):
        load_weights(tmp_path / "w.safetensors", DeformationCVAE)


def test_the_hash_of_weights_is_that_of_their_tensors(tmp_path):
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(1.5, dtype=torch.bfloat16), "c": torch.zeros(0)}

    def hashed(tensors, header=None, place="fold1"):
        file = tmp_path / str(len(list(tmp_path.iterdir()))) / place / "weights.safetensors"
        write(file, tensors, header or {})
        return weights_hash(file.parents[1])

    first = hashed(tensors)
    assert first == hashed(dict(reversed(tensors.items())), {"seen": ["x"]}) and len(first) == 16
    others = [
        hashed(tensors | {"a": tensors["a"].reshape(3, 2)}),
        hashed(tensors | {"a": tensors["a"].int()}),
        hashed(tensors | {"a": tensors["a"].nextafter(torch.tensor(9.0))}),
        hashed({"z" if name == "a" else name: tensor for name, tensor in tensors.items()}),
        hashed(tensors, place="fold2"),
    ]
    assert len({first, *others}) == len(others) + 1
    assert weights_hash(tmp_path / "0" / "fold1" / "weights.safetensors") != first  # one file is no folder of folds
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match="no weights"):
        weights_hash(tmp_path / "none")
    (tmp_path / "none" / "weights.safetensors").write_bytes(b"half")
    with pytest.raises(UserError, match="not a safetensors file"):
        weights_hash(tmp_path / "none")
