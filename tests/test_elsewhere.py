"""Arguments of other libraries: each error about one says what to use here."""

import inspect

import pytest

from cupynn import Sequential, elsewhere, encoders, layers, losses, optimizers, presets
from cupynn.augment import Augment
from cupynn.checks import InputError
from cupynn.config import parameters_of
from cupynn.encoders import ENCODERS
from cupynn.layers import LAYERS
from cupynn.losses import LOSSES
from cupynn.optimizers import OPTIMIZERS
from cupynn.training import EarlyStopping

KINDS = [*LAYERS.values(), *ENCODERS.values(), *LOSSES.values(), *OPTIMIZERS.values(), Augment, EarlyStopping]
DENSE = {"units": 3, "v_th": 1.0}


@pytest.mark.parametrize(
    ("theirs", "advice"),
    [
        ("beta", r"pass tau_m=1 / \(1 - beta\)"),
        ("alpha", r"pass tau_s=1 / \(1 - alpha\)"),
        ("tau", "pass tau_m"),
        ("tau_mem_inv", r"pass tau_m=1 / \(tau_mem_inv \* dt\)"),
        ("v_decay", r"pass tau_m=1 / \(1 - v_decay\)"),
        ("v_threshold", "pass v_th"),
        ("threshold", "pass v_th"),
        ("reset_mechanism", "neurons always reset to 0, at once"),
        ("v_reset", "neurons always reset to 0, at once"),
        ("surrogate_function", "the S-PSP takes the place of a surrogate gradient"),
        ("learn_beta", r"pass trainable=\('tau_m',\)"),
        ("learn_threshold", r"pass trainable=\('v_th',\)"),
        ("inhibition", "pass lateral_inhibition=1.0"),
        ("num_steps", "pass steps to Sequential"),
        ("num_classes", "pass units"),
        ("dropout", "layers have no dropout"),
    ],
)
def test_neurons(theirs, advice):
    with pytest.raises(InputError, match=f"SpikingDense has no argument '{theirs}': {advice}.*; it has units, v_th"):
        layers.SpikingDense(**DENSE, **{theirs: 1})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.SpikingConv2D(3, 3, v_th=1.0, strides=2), "no argument 'strides': pass stride; it has maps"),
        (lambda: layers.SpikingPool2D(2, v_th=1.0, strides=2), "no argument 'strides': pass stride; it has"),
        (lambda: layers.SpikingConv2D(out_channels=3), "no argument 'out_channels': pass maps"),
        (
            lambda: layers.SpikingRecurrent(3, v_th=1.0, lateral_inhibition=1.0),
            "'lateral_inhibition': only SpikingDense has it",
        ),
        (lambda: layers.SpikingRecurrent(hidden_size=3), "no argument 'hidden_size': pass units"),
        (lambda: optimizers.Adam(betas=(0.9, 0.99)), "no argument 'betas': pass beta1 and beta2"),
        (lambda: optimizers.SGD(params=[]), r"no argument 'params': step takes the network: optimizer\.step\(net\)"),
        (lambda: losses.SpikeCount(correct_rate=0.8), r"'correct_rate': pass desired=correct_rate \* steps"),
        (lambda: losses.SpikeCount(num_classes=3), "'num_classes': the last layer has one neuron per class"),
        (lambda: encoders.Poisson(num_steps=3), "'num_steps': pass steps to Sequential"),
        (lambda: encoders.Poisson(rate=0.3), "'rate': pass max_rate"),
        (lambda: encoders.Events(dt=1000), "'dt': pass step, in microseconds"),
        (lambda: encoders.Latency(linear=True), '\'linear\': pass scale="linear" or "logarithmic"'),
        (lambda: Augment(horizontal_flip=True), "'horizontal_flip': pass flip"),
    ],
)
def test_other_classes(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_the_argument_wins_where_a_class_has_it():
    assert layers.SpikingPool2D(2, v_th=1.0, stride=1).stride is not None
    assert encoders.BSA(threshold=0.5).threshold == 0.5
    assert optimizers.ExponentialRegularizer(beta=0.5).beta == 0.5


def test_no_advice_is_out_of_date():
    """Advice is for arguments that some class has, and names none that only other libraries have."""
    known = {name for kind in KINDS for name in inspect.signature(kind).parameters}
    assert set(elsewhere.BY_ARGUMENT) <= known
    for kind in KINDS:
        for name, text in elsewhere.advice(parameters_of(kind)).items():
            if name not in parameters_of(kind) and text.startswith("pass ") and " to " not in text:
                assert text.split()[1].split("=")[0].strip(",:") in parameters_of(kind), (kind, name, text)
    assert not set(elsewhere.NETWORK) & set(inspect.signature(Sequential).parameters)


def test_a_definition_gives_the_same_advice(tmp_path):
    text = presets.read("digits").to_toml()
    for old, new, message in (
        ("lr = 0.02", "learning_rate = 0.02", r"optimizer \(Adam\): unknown key 'learning_rate' \(pass lr\): known are lr"),
        ("steps = 400", "num_steps = 400", r"network: unknown key 'num_steps' \(pass steps\): known are layers"),
    ):
        path = tmp_path / "mine.toml"
        path.write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(InputError, match=message):
            presets.read(path)
