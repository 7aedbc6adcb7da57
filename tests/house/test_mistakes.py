"""Mistakes that newcomers make, above all those who come from Keras or PyTorch: each gets one error that says what to do."""

import importlib
import inspect

import numpy as np
import pytest
import tomli_w

from cupynn import Sequential, datasets, elsewhere, encoders, layers, losses, optimizers, presets, training
from cupynn.augment import Augment
from cupynn.checks import InputError
from cupynn.spikes import SpikeTrains

RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (6, 8, 8), np.uint8), np.arange(6) % 3


def make(shape=(8, 8), encoder=None, **options):
    encoder = encoders.Poisson(max_rate=0.5) if encoder is None else encoder
    return Sequential([layers.SpikingDense(3, v_th=2.0)], shape, 40, encoder, device="cpu", **options)


def fit(*data, shape=(8, 8), **options):
    defaults = {"epochs": 1, "progress": False, "loss": losses.SpikeCount(desired=10)}
    return make(shape).fit(*data, **defaults | options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit(X, Y), r"fit got 2 positional arguments: pass the data as one argument, .* fit\(\(x, y\)"),
        (lambda: fit(x=X, y=Y), r"fit has no option 'x': pass one pair"),
        (lambda: fit((X, Y), validation_data=(X, Y)), r"fit has no option 'validation_data': pass validation=\(x, y\)"),
        (lambda: fit((X, Y), verbose=0), "fit has no option 'verbose': pass progress=False"),
        (lambda: fit((X, Y), validation_split=0.1), r"'validation_split': pass validation=held"),
        (lambda: fit((X, Y), lr=0.1), r"'lr': pass optimizer=optimizers\.Adam\(lr\)"),
        (lambda: fit((X, Y), batchsize=2), r"'batchsize' \(did you mean 'batch_size'\?\)"),
        (lambda: fit(datasets.load("digits")), r"data is a pair of Datasets: unpack them, train, test = datasets\.load"),
        (lambda: make().evaluate(datasets.load("digits")), "data is a pair of Datasets"),
        (lambda: make().predict((X, Y)), r"data is a pair: pass only the samples"),
        (lambda: make().predict(datasets.load("digits")[0]), r"data is Dataset digits: .*: pass only its samples, data\.x"),
        (lambda: make().predict([X[0], X[1, :4]]), "data is a list that cannot .*: pass samples of one shape"),
        (lambda: fit((X, Y), validation=(X[:, :4], Y)), "^validation: data has shape"),
        (lambda: fit((X, Y), validation=X), "^validation: data is a ndarray"),
        (lambda: fit((X, Y), optimizer="adam"), r"optimizer='adam': pass one of Adam\(\.\.\.\), SGD\(\.\.\.\)"),
        (lambda: fit((X, Y), optimizer=optimizers.Adam), r"optimizer is the class Adam itself: make one, Adam\(\.\.\.\)"),
        (lambda: fit((X, Y), loss=losses.SpikeCount), "loss is the class SpikeCount itself"),
        (lambda: make().evaluate((X, Y), loss="mse"), r"loss='mse': pass one of CountRegression\(\.\.\.\), SoftmaxCount"),
        (lambda: fit((X, Y), callbacks=[training.EarlyStopping]), r"pass a list of callables, such as \[EarlyStopping"),
        (lambda: fit((X, Y), augment=True), r"augment=True: pass an Augment"),
        (lambda: layers.SpikingDense(10, activation="relu"), "SpikingDense has no argument 'activation': spiking"),
        (lambda: layers.SpikingConv2D(filters=8, kernel_size=3, v_th=1.0), "'filters': pass maps; it has maps, kernel_size"),
        (lambda: layers.SpikingPool2D(pool_size=2, v_th=1.0), "'pool_size': pass kernel_size"),
        (lambda: layers.SpikingDense(10, v_th=1.0, kernel_size=3), "no argument 'kernel_size'; it has units"),
        (lambda: layers.SpikingDense(10, vth=1.0), r"'vth' \(did you mean 'v_th'\?\)"),
        (lambda: optimizers.Adam(learning_rate=0.1), "Adam has no argument 'learning_rate': pass lr"),
        (lambda: losses.SpikeCount(target=3), "SpikeCount has no argument 'target'; it has desired, undesired, margin"),
        (lambda: make(num_steps=3), "Sequential has no argument 'num_steps': pass steps; it has layers, input_shape"),
        (lambda: make(optimizer="adam"), "Sequential has no argument 'optimizer': pass it to fit"),
        (lambda: Sequential([], (8,), 4, None, 0, "cpu", 7), r"Sequential got 7 positional arguments: .* as one list"),
        (lambda: make().predict(X, verbose=0), "predict has no option 'verbose': nothing is printed"),
        (lambda: make().evaluate(x=X, y=Y), r"evaluate has no option 'x': pass one pair, evaluate\(\(x, y\)"),
        (lambda: make().counts(X, 2, 3), "counts got 3 positional arguments: pass the samples as one argument"),
        (lambda: training.EarlyStopping(monitor="val_loss"), "EarlyStopping has no argument 'monitor': the accuracy on"),
        (lambda: make(encoder=encoders.Poisson), r"encoder is the class Poisson itself: make one, Poisson\(\.\.\.\)"),
        (lambda: make(encoder="poisson"), "encoder='poisson': pass one of BSA"),
        (lambda: Sequential(layers.SpikingDense, (8, 8), 40), r"layers is a .*: pass a list, \[layer\]"),
        (lambda: Sequential([layers.SpikingDense], (8, 8), 40), r"layers\[0\] is the class SpikingDense itself"),
        (lambda: fit((X, Y + 4)), r"labels\[0\]=4: the last layer has 3 neurons, one per class: give it 7, or pass"),
        (lambda: fit((X, Y + 1)), "labels go from 1 to 3, but classes start at 0: pass y - 1"),
        (lambda: fit((X, Y - 1)), r"labels\[0\]=-1"),
        (lambda: fit((X, np.eye(3)[Y])), r"labels has shape \(6, 3\): .*one-hot\? pass labels\.argmax\(1\)"),
        (lambda: fit((X, np.array(list("abcabc")))), r"dtype <U1: .*0\.\.2 .names\? classes, labels = np\.unique\(labels"),
        (lambda: fit((X, Y.astype(float))), r"dtype float64: .*pass labels\.astype\(int\)"),
        (lambda: fit((X.astype(float), Y)), r"data ranges over 0\.\.2\d\d: pass finite floats .*; divide them by 255"),
        (lambda: fit((X.astype(int), Y)), r"data has dtype int64: .*pass np\.asarray\(x, np\.uint8\)"),
        (lambda: fit((np.zeros((6, 8, 8, 3), np.uint8), Y), shape=(3, 8, 8)), r"channels last\? pass np\.moveaxis"),
        (
            lambda: fit((np.zeros((6, 3, 8, 8), np.uint8), Y), shape=(8, 8, 3)),
            r"channels come first: create the network with input_shape=\(3, 8, 8\)",
        ),
        (lambda: fit((X.reshape(6, 64), Y)), r"pass np\.reshape\(x, \(-1, 8, 8\)\), or .*input_shape=\(64,\)"),
        (lambda: make().predict(X[0]), r"a single sample\? pass x\[None\]"),
        (lambda: make().predict(np.zeros((2, 40, 8, 8))), r"trains of zeros and ones\? pass SpikeTrains\.from_dense\(x\)"),
        (
            lambda: fit((np.zeros((6, 8, 8, 3), np.uint8), Y), shape=(8, 8, 3), augment=Augment()),
            r"channels come first, pass \(3, 8, 8\) and np\.moveaxis\(x, -1, 1\)",
        ),
        (
            lambda: Sequential([layers.SpikingConv2D(4, 5, v_th=1.0)], (32, 32, 3), 40),
            r"input_shape=\(32, 32, 3\): channels come first, pass \(3, 32, 32\) and np\.moveaxis\(x, -1, 1\)",
        ),
        (
            lambda: losses.SpikeCount()(np.zeros((6, 3)), Y),
            r"spikes is a ndarray: pass the SpikeTrains that net\.forward\(\.\.\.\) returned, not its counts",
        ),
        (lambda: make().counts(), r"^counts needs data: pass x; the counts of .* a property, net\.trains\[-1\]\.counts$"),
        (lambda: make().predict(), "^predict needs data: pass x; "),
        (lambda: make().evaluate(), "^evaluate needs data: pass data$"),
        (lambda: make().fit(epochs=3), "^fit needs data: pass data$"),
        (lambda: optimizers.Adam(0.1).step(make().layers), r"is a list: pass the Sequential itself, optimizer\.step\(net\)"),
    ],
)  # fmt: skip
def test_a_mistake_gets_one_error_with_its_remedy(call, message):
    with pytest.raises(InputError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


def test_what_the_remedies_say_works():
    """An array of each kind, mended as its error says, is trained on."""
    y = np.array(list("abcabc"))
    _, numbers = np.unique(y, return_inverse=True)
    assert len(fit((X, numbers))) == 1
    assert len(fit((X.astype(float) / 255, np.eye(3)[Y].argmax(1)))) == 1
    assert len(fit((X[..., None], Y.astype(float).astype(int)))) == 1  # one channel, at the end
    assert len(fit((np.reshape(X.reshape(6, 64), (-1, 8, 8)), Y))) == 1
    assert make().predict(X[0][None]).tolist() == make().predict([X[0]]).tolist()
    colour = np.full((6, 8, 8, 3), 200, np.uint8)
    assert len(fit((np.moveaxis(colour, -1, 1), Y), shape=(3, 8, 8))) == 1
    trains = SpikeTrains.from_dense(np.zeros((2, 40, 8, 8)))
    assert make().predict(trains).tolist() == [0, 0]


def test_a_column_of_labels():
    with pytest.raises(InputError, match=r"labels has shape \(\d+, 1\).*\(pass labels\.ravel\(\)\)"):
        fit((X, Y[:, None]))


@pytest.mark.parametrize(
    ("module", "name", "advice"),
    [
        ("cupynn.layers", "Dense", "use SpikingDense"),
        ("cupynn.layers", "Flatten", "use nothing"),
        ("cupynn.layers", "Softmax", "use losses.SoftmaxCount"),
        ("cupynn.layers", "MaxPool2D", "use SpikingPool2D"),
        ("cupynn.optimizers", "AdamW", r"use Adam\(lr, weight_decay="),
        ("cupynn", "load_model", "use Sequential.load"),
    ],
)
def test_names_of_other_libraries(module, name, advice):
    with pytest.raises(AttributeError, match=f"has no attribute '{name}': {advice}"):
        getattr(importlib.import_module(module), name)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("quantize", r": use net\.quantise"),
        ("compile", ": pass loss and optimizer to net.fit"),
        ("add", ": pass all layers as one list"),
        ("parameters", r": use net\.arrays\(\)"),
        ("layer", r" \(did you mean 'layers'\?\)"),
        ("nothing_like_it", "$"),
    ],
)
def test_methods_of_networks_of_other_libraries(name, advice):
    net = make()
    with pytest.raises(AttributeError, match=f"Sequential has no attribute '{name}'{advice}"):
        getattr(net, name)
    assert not hasattr(net, name)


def test_every_advised_method_is_missing_here():
    net = make()
    assert not any(hasattr(net, name) for name in elsewhere.METHODS)


def test_a_network_is_not_called():
    with pytest.raises(InputError, match=r"a network is not called: use net\.predict"):
        make()(X)
    with pytest.raises(InputError, match=r"spikes is an array of shape .*: pass SpikeTrains, such as net\.encode\(x\)"):
        make().forward(X)


def test_a_name_in_the_wrong_case():
    with pytest.raises(InputError, match=r"'MNIST' \(did you mean 'mnist'\?\)"):
        datasets.load("MNIST")


def test_padding_by_name():
    with pytest.raises(InputError, match=r"padding='same': .*\"same\" is padding=\(2, 1\) with stride 1"):
        layers.SpikingConv2D(3, (5, 3), v_th=1.0, padding="same")
    with pytest.raises(InputError, match=r"padding='valid': .*; \"valid\" is padding=0"):
        layers.SpikingConv2D(3, 2, v_th=1.0, padding="valid")


def test_fit_shows_its_options():
    shown = inspect.signature(Sequential.fit).parameters
    assert {"loss", "optimizer", "epochs", "batch_size", "validation", "callbacks", "progress"} <= set(shown)
    assert not any(parameter.kind is parameter.VAR_KEYWORD for parameter in shown.values())
    for name in list(shown)[1:]:
        assert f"\n{name} : " in inspect.getdoc(Sequential.fit)
    assert training.fit is Sequential.fit


class TestDefinitions:
    """Mistakes in a file name the file and the table."""

    def read(self, tmp_path, old, new):
        text = presets.read("digits").to_toml()
        assert old in text
        path = tmp_path / "mine.toml"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return presets.read(path)

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("epochs = 20", "epochs = 0", r"mine\.toml: training: epochs=0"),
            ("epochs = 20", "augment = true\nepochs = 20", r"augment: expected .* { kind = \"Augment\" }, found True"),
            ("steps = 400", "steps = 0", r"mine\.toml: network: steps=0"),
            ("lr = 0.02", "rate = 0.02", r"mine\.toml: optimizer \(Adam\): unknown key 'rate'"),
            ("desired = 35", "desire = 35", r"loss \(SpikeCount\): unknown key 'desire' \(did you mean 'desired'\?\)"),
            ("validation = 0.1", "validation = 1.5", r"mine\.toml: data: validation=1\.5: pass a whole number of samples"),
            ("[training]", "[trainin]", r"mine\.toml: unknown key 'trainin' \(did you mean 'training'\?\)"),
        ],
    )  # fmt: skip
    def test_file_and_table(self, tmp_path, old, new, message):
        with pytest.raises(InputError, match=message):
            self.read(tmp_path, old, new)

    def test_the_folder_of_a_run(self, tmp_path):
        (tmp_path / "definition.toml").write_text(presets.read("digits").to_toml(), encoding="utf-8")
        with pytest.raises(InputError, match=r"is the folder of a run: to train it again, pass .*definition\.toml"):
            presets.read(tmp_path)
        with pytest.raises(
            InputError, match=r"pass its best\.npz or, for a run, call cupynn\.open_run\(folder\)\.network\(\)"
        ):
            Sequential.load(tmp_path)

    def test_a_device_is_no_fault_of_the_definition(self):
        with pytest.raises(InputError, match=r"^device='tpu'"):
            presets.read("digits").build("tpu")

    def test_all_faults_in_one_message(self, tmp_path):
        text = presets.read("digits").to_toml()
        changes = {
            "epochs = 20": "epochs = 0",
            "lr = 0.02": "lr = -1",
            "desired = 35": "desire = 35",
            "validation = 0.1": "validation = 1.5",
            "steps = 400": "step = 400",
            "units = 300": "units = 0",
            "v_th = 8.0": "vth = 8.0",
            "max_rate = 0.5": "max_rate = 2",
            "[training]": "[trainin]\ndepth = 1\n\n[training]",
        }
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError) as caught:
            presets.read(path)
        first, *lines = str(caught.value).splitlines()
        assert first == f"{len(changes)} faults:"
        assert all(line.startswith(f"{path}: ") for line in lines)
        parts = [
            "'trainin'",
            "1.5",
            "epochs=0",
            "'step' (did",
            "units=0",
            "'vth' (did",
            "max_rate=2",
            "'desire' (did",
            "lr=-1",
        ]
        assert [part for part, line in zip(parts, lines, strict=True) if part not in line] == []

    @pytest.mark.parametrize("left_out", [["loss"], ["loss", "optimizer", "training"]])
    def test_what_a_file_leaves_out_is_the_default_of_fit(self, tmp_path, left_out):
        tables = {"data": {"name": "digits", "validation": 0.1}, "network": presets.read("digits").network}
        path = tmp_path / "mine.toml"
        full = {"loss": {"kind": "SoftmaxCount", "desired": 9}, "optimizer": {"kind": "SGD", "lr": 0.1}, "training": {}}
        tables |= {name: table for name, table in full.items() if name not in left_out}
        path.write_text(tomli_w.dumps(tables), encoding="utf-8")
        read, made = presets.read(path, {"training.epochs": 2}), presets.Experiment("mine", **tables)
        for experiment in (read, made):
            _, loss, optimizer = experiment.build("cpu")
            assert repr(loss) == repr(losses.SpikeCount())
            adam = optimizers.Adam(1e-3, schedule="inverse-sqrt")
            assert repr(optimizer) == repr(adam if "optimizer" in left_out else optimizers.SGD(0.1))
            defaults = inspect.signature(Sequential.fit).parameters
            assert experiment.options().batch_size == defaults["batch_size"].default
        assert (read.options().epochs, made.options().epochs) == (2, defaults["epochs"].default)
        assert presets.read(path, {"optimizer.lr": 0.5}).build("cpu")[2].lr == 0.5
        path.write_text(read.to_toml(), encoding="utf-8")
        assert presets.read(path).tables() == read.tables()
