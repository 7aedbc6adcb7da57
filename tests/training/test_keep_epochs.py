"""`KeepEpochs` writes the network after each epoch of a `fit`."""

import numpy as np
import pytest
from factories import LOSS, draw_data
from factories import dense_network as make

from cupynn import InputError, Sequential
from cupynn.network import epochs
from cupynn.optimizers import Adam
from cupynn.training import KeepEpochs


def fit(net, callbacks, **options):
    usual = {"loss": LOSS, "optimizer": Adam(0.02), "epochs": 2, "batch_size": 8, "progress": False}
    return net.fit(draw_data(), callbacks=callbacks, **usual | options)


def test_a_file_for_each_epoch(tmp_path):
    weights = []
    net, folder = make(), tmp_path / "a" / "epochs"
    remember = lambda network, _: weights.append(np.array(network.layers[0].params["weight"]))  # noqa: E731
    history = fit(net, [KeepEpochs(folder), remember])
    assert epochs.numbers(folder) == [1, 2]
    for number in (1, 2):
        kept = epochs.load(Sequential, folder, number)
        np.testing.assert_array_equal(kept.network.layers[0].params["weight"], weights[number - 1])
        assert kept.figures["accuracy"] == history[number - 1].accuracy
    assert (
        Sequential.load(folder / "epoch-002.npz", "cpu").predict(draw_data()[0]).tolist()
        == net.predict(draw_data()[0]).tolist()
    )


def test_epochs_of_another_training_are_not_mixed(tmp_path):
    fit(make(), [KeepEpochs(tmp_path)])
    with pytest.raises(InputError, match="holds the epochs of a training: pass resume=True to continue it, or a new folder"):
        KeepEpochs(tmp_path)
    fit(make(), [KeepEpochs(tmp_path, resume=True)], epochs=3)
    assert epochs.numbers(tmp_path) == [1, 2, 3]


def test_mistakes(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot make the folder"):
        KeepEpochs(tmp_path / "file" / "epochs")
    with pytest.raises(InputError, match="resume='yes'"):
        KeepEpochs(tmp_path, resume="yes")
    with pytest.raises(InputError, match="KeepEpochs has no argument 'filepath': pass folder"):
        KeepEpochs(filepath=tmp_path)
    make().save(tmp_path / "epoch-001.npz")
    with pytest.raises(InputError, match="is not epoch 1 of a training"):
        epochs.load(Sequential, tmp_path, 1)
