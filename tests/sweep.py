"""Search for layer sizes and a learning rate with Optuna; trials that fall behind are ended early."""

import optuna

from cupynn import presets


def objective(trial):
    def prune(network, history):
        trial.report(history["validation_accuracy"][-1], step=len(history))
        if trial.should_prune():
            raise optuna.TrialPruned

    units = trial.suggest_int("units", 50, 400, log=True)
    lr = trial.suggest_float("lr", 1e-3, 1e-1, log=True)
    experiment = presets.read("digits").replace(**{"network.layers.hidden.units": units, "optimizer.lr": lr})
    _, history = experiment.fit(callbacks=[prune], progress=False)
    return history.best.validation_accuracy


if __name__ == "__main__":
    study = optuna.create_study(direction="maximize", storage="sqlite:///sweep.db", study_name="digits", load_if_exists=True)
    study.optimize(objective, n_trials=20)
    print(study.best_params, study.best_value)
