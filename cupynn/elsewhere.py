"""Arguments of other libraries, and what to use here instead: errors about unknown arguments say it."""

from collections.abc import Collection, Mapping

from cupynn.checks import nearest

# By the argument here whose classes the advice is for, the names elsewhere. None means that only the name differs.
BY_ARGUMENT: dict[str, dict[str, str | None]] = {
    "units": {"out_features": None, "hidden_size": None, "num_classes": None, "num_hidden": None, "size": None},
    "maps": {"filters": None, "out_channels": None},
    "kernel_size": {
        "size": None,
        "pool_size": None,
        "stride": "the stride is fixed at 1; SpikingPool2D has a stride",
        "strides": "the stride is fixed at 1; SpikingPool2D has a stride",
        "dilation": "the dilation is fixed at 1",
        "groups": "all maps are connected to all channels",
    },
    "stride": {"strides": None},
    "v_th": {
        "threshold": None,
        "v_threshold": None,
        "spike_threshold": None,
        "reset_mechanism": "neurons always reset to 0, at once",
        "reset_delay": "neurons always reset to 0, at once",
        "v_reset": "neurons always reset to 0, at once",
        "spike_grad": "the S-PSP takes the place of a surrogate gradient",
        "surrogate_function": "the S-PSP takes the place of a surrogate gradient",
        "detach_reset": "the S-PSP takes the place of a surrogate gradient",
        "init_hidden": "for every sample the neurons start at rest",
        "step_mode": "layers always run all steps",
        "output": "all trains are returned, by net.record(x) those of every layer",
        "decay_input": "the input is not scaled, as with decay_input=False",
    },
    "tau_m": {
        "beta": "pass tau_m=1 / (1 - beta)",
        "tau": None,
        "tau_mem": "pass tau_m, in steps",
        "tau_mem_inv": "pass tau_m=1 / (tau_mem_inv * dt)",
        "tau_rc": "pass tau_m, in steps",
        "v_decay": "pass tau_m=1 / (1 - v_decay)",
        "decay": "pass tau_m=1 / (1 - decay), if decay is the factor that remains after a step",
    },
    "tau_s": {
        "alpha": "pass tau_s=1 / (1 - alpha)",
        "tau_syn": "pass tau_s, in steps",
        "tau_syn_inv": "pass tau_s=1 / (tau_syn_inv * dt)",
        "c_decay": "pass tau_s=1 / (1 - c_decay)",
    },
    "t_ref": {"tau_ref": "pass t_ref, in steps", "refractory": "pass t_ref, in steps"},
    "lateral_inhibition": {"inhibition": "pass lateral_inhibition=1.0: each spike inhibits all other neurons"},
    "initial_weight": {"kernel_initializer": None, "weight_init": None},
    "lr": {"learning_rate": None, "rate": None, "alpha": None, "params": "step takes the network: optimizer.step(net)"},
    "beta1": {"betas": "pass beta1 and beta2"},
    "epsilon": {"eps": None},
    "clip_norm": {"max_norm": None, "clipnorm": None, "global_clipnorm": None, "max_grad_norm": None, "grad_clip": None},
    "warmup": {"warmup_steps": None, "num_warmup_steps": None, "warmup_epochs": "pass warmup, the number of updates"},
    "rates": {"param_groups": "pass rates, factors by layer such as {'hidden': 0.1}"},
    "schedule": {"scheduler": None, "lr_scheduler": None, "decay": None},
    "desired": {"correct_rate": "pass desired=correct_rate * steps"},
    "undesired": {"incorrect_rate": "pass undesired=incorrect_rate * steps"},
    "max_rate": {"rate": None, "gain": None, "f_max": None},
    "scale": {"linear": 'pass scale="linear" or "logarithmic"'},
    "step": {"dt": "pass step, in microseconds", "time_window": None},
    "patience": {
        "monitor": "the accuracy on the validation data is monitored",
        "restore_best_weights": "pass restore_best=True to fit",
    },
    "train_lateral": {"learn_recurrent": None, "recurrent_trained": None},
    "mask": {"connections": None, "connectivity": None},
    "trainable": {
        "learn_threshold": "pass trainable=('v_th',)",
        "learn_beta": "pass trainable=('tau_m',)",
        "learn_alpha": "pass trainable=('tau_s',)",
    },
    "bias": {"use_bias": None},
    "delays": {"delay": None, "axonal_delay": None},
    "trained": {"requires_grad": None, "trainable": None},
    "rotation": {"degrees": None, "rotation_range": None},
    "flip": {"horizontal_flip": None},
}

ANYWHERE = {
    "activation": "spiking neurons are defined by v_th, tau_m, tau_s and t_ref instead",
    "bias": "layers have no bias",
    "use_bias": "layers have no bias",
    "dropout": "layers have no dropout",
    "in_channels": "layers infer the shape of their input",
    "in_features": "layers infer the shape of their input",
    "input_size": "layers infer the shape of their input",
    "input_shape": "pass it to Sequential",
    "num_classes": "the last layer has one neuron per class",
    "num_outputs": "the last layer has one neuron per class",
    "dtype": "weights are always float32",
    "dt": "times are in steps",
    "class_weight": "pass sample_weight to fit, one weight per sample",
} | dict.fromkeys(("steps", "num_steps", "time_steps", "timesteps", "n_steps", "T"), "pass steps to Sequential")
ANYWHERE |= dict.fromkeys(("seed", "device"), "pass it to Sequential")
ANYWHERE["lateral_inhibition"] = "only SpikingDense has it; the recurrent weights of SpikingRecurrent can inhibit"

# Arguments of networks elsewhere, for Sequential.
NETWORK = (
    dict.fromkeys(("num_steps", "time_steps", "timesteps", "n_steps", "T"), "pass steps")
    | dict.fromkeys(("optimizer", "loss", "epochs", "batch_size", "lr", "learning_rate", "callbacks"), "pass it to fit")
    | {
        "input_size": "pass input_shape",
        "in_shape": "pass input_shape",
        "encoding": "pass encoder, such as encoders.Poisson()",
        "num_classes": "give the last layer one neuron per class",
        "random_state": "pass seed",
        "dt": "times are in steps",
        "dtype": "weights are always float32",
        "name": "networks have no name, only layers do",
    }
)

# Methods and attributes of networks elsewhere, and what to use here.
METHODS = {
    "quantize": "use net.quantise(bits=...)",
    "compile": "pass loss and optimizer to net.fit",
    "add": "pass all layers as one list, Sequential([...], ...)",
    "append": "pass all layers as one list, Sequential([...], ...)",
    "parameters": "use net.arrays(), or layer.params for each of net.layers; optimizer.step(net) takes the network",
    "named_parameters": "use net.arrays()",
    "get_weights": "use net.arrays()",
    "state_dict": "use net.arrays(), or net.save(path)",
    "load_state_dict": "use Sequential.load(path)",
    "load_weights": "use Sequential.load(path)",
    "train": "use net.fit(data)",
    "eval": "use net.evaluate(data)",
    "score": "use net.evaluate(data)",
    "predict_proba": "use net.counts(x), the firing counts of the classes",
    "zero_grad": "leave it out: net.backward overwrites the gradients",
    "cpu": 'use net.to("cpu")',
    "cuda": 'use net.to("cuda")',
}


def missing(owner: str, name: str, known: Collection[str], advised: Mapping[str, str]) -> str:
    """Return the message about an attribute that does not exist, with advice or the most similar known name.

    Examples
    --------
    >>> missing("module 'cupynn.layers'", "SpikingDens", ["SpikingDense"], {})
    "module 'cupynn.layers' has no attribute 'SpikingDens' (did you mean 'SpikingDense'?)"
    """
    return f"{owner} has no attribute {name!r}" + (f": {advised[name]}" if name in advised else nearest(name, known))


def advice(parameters: Collection[str]) -> dict[str, str]:
    """Return advice by foreign name for a class with these parameters.

    Examples
    --------
    >>> advice(["units", "v_th", "tau_m"])["beta"]
    'pass tau_m=1 / (1 - beta)'
    """
    known = dict(ANYWHERE)
    for parameter, names in BY_ARGUMENT.items():
        if parameter in parameters:
            known |= {name: text or f"pass {parameter}" for name, text in names.items()}
    return known
