"""Sweeps by the tools that there are: Optuna over a preset's values, a grid by the shell."""

import json

import numpy as np
import pytest

from cupynn import InputError, cli, open_run, presets

SMALL = {"training.epochs": 4, "network.steps": 60, "loss.desired": 12, "loss.undesired": 2, "loss.margin": 2}


@pytest.fixture(scope="module")
def small():
    return presets.read("digits").replace(**SMALL | {"network.layers.hidden.units": 20})


class TestFit:
    def test_trains_what_the_definition_says(self, small):
        seen = []
        network, history = small.fit(callbacks=[lambda network, history: seen.append(len(history))], progress=False)
        assert seen == [1, 2, 3, 4]
        assert network.layers[0].units == 20
        again, loss, optimizer = small.build()
        train, validation, _ = small.load_data()
        again.fit(train, validation=validation, loss=loss, optimizer=optimizer, progress=False, **vars(small.options()))
        for name, array in network.arrays().items():
            np.testing.assert_array_equal(array, again.arrays()[name])
        assert history.best.validation_accuracy == max(history["validation_accuracy"]) > 0.5

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"epochs": 3}, r"fit got epochs, which the definition contains: set training\.epochs by experiment\.replace"),
            ({"loss": None}, r"set loss\.kind"),
            ({"validation": None}, r"set data\.validation"),
            ({"callback": []}, r"fit has no option 'callback' \(did you mean 'callbacks'\?\)"),
        ],
    )
    def test_options_that_it_does_not_take(self, small, options, message):
        with pytest.raises(InputError, match=message):
            small.fit(**options)


class TestOptuna:
    @pytest.fixture
    def sweep(self, monkeypatch, small):
        """The example, on a preset that takes a second."""
        optuna = pytest.importorskip("optuna", reason='Optuna is not installed: pip install -e ".[sweeps]"')
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        import sweep

        monkeypatch.setattr(presets, "read", lambda name: small)
        return sweep

    def test_finds_the_better_rate_and_ends_what_falls_behind(self, sweep):
        import optuna

        pruner = optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=1)
        study = optuna.create_study(direction="maximize", pruner=pruner)
        for lr in (0.03, 0.001):
            study.enqueue_trial({"units": 50, "lr": lr})
        study.optimize(sweep.objective, n_trials=2)
        good, bad = study.trials
        assert study.best_params == {"units": 50, "lr": 0.03}
        assert good.state == optuna.trial.TrialState.COMPLETE
        assert good.value == max(good.intermediate_values.values()) > 0.8
        assert bad.state == optuna.trial.TrialState.PRUNED
        assert len(bad.intermediate_values) < len(good.intermediate_values) == SMALL["training.epochs"]


@pytest.mark.slow
def test_a_grid_by_the_shell(small, tmp_path, capsys):
    """What ``for lr in ...; do cupynn train ... --json | tail -1; done`` does."""
    (tmp_path / "small.toml").write_text(small.replace(**{"training.epochs": 1}).to_toml(), encoding="utf-8")
    lines = []
    for lr in ("0.01", "0.03"):
        out = str(tmp_path / f"lr-{lr}")
        options = ["--lr", lr, "--set", "network.layers.hidden.units=30", "--out", out, "--quiet", "--json"]
        assert cli.main(["train", str(tmp_path / "small.toml"), *options]) == 0
        lines.append(json.loads(capsys.readouterr().out.splitlines()[-1]))
        assert presets.read(f"{out}/definition.toml").optimizer["lr"] == float(lr)
        assert open_run(out).network().layers[0].units == 30
    assert [line["folder"] for line in lines] == [str(tmp_path / name) for name in ("lr-0.01", "lr-0.03")]
    assert all(0 < line["test"]["accuracy"] <= 1 for line in lines)
