"""Run benchmarks one after the other; print each result at once, and store it as a line of JSON."""

import json
from pathlib import Path
from typing import Any

from cupynn.checks import InputError
from steps import contest, protocol, report, startup

NETS = ("mlp", "mlp-25", "mlp-scattered", "cnn", "cnn-25", "n-mnist", "n-mnist-25")
ALL = (*NETS, "protocol", "start")


class Output:
    """Print results as text or, with `as_json`, as JSON; append them to the file `out`.

    Raises
    ------
    InputError
        If the file cannot be written.
    """

    def __init__(self, out: str | None, as_json: bool) -> None:
        self.out, self.as_json = out and Path(out), as_json
        if self.out:
            try:
                self.out.parent.mkdir(parents=True, exist_ok=True)
                self.out.open("a").close()
            except OSError as error:
                raise InputError(f"--out {out}: {error.strerror}: pass a writable file") from None

    def say(self, *lines: str) -> None:
        """Print lines of text, unless the output is JSON."""
        if not self.as_json:
            print(*lines, sep="\n", flush=True)

    def keep(self, result: dict[str, Any]) -> None:
        """Append a result to the file; print it if the output is JSON."""
        line = json.dumps(result)
        if self.as_json:
            print(line, flush=True)
        if self.out:
            with self.out.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


def run(what: list[str], device: str, repeats: int, with_peers: bool, out: str | None, as_json: bool) -> None:
    """Run each benchmark of `what`, names in `ALL`."""
    output = Output(out, as_json)
    for name in what:
        if name == "start":
            _start(output)
        elif name == "protocol":
            _protocol(output, repeats, with_peers)
        else:
            _net(output, name, device, repeats, with_peers)


def _net(output: Output, name: str, device: str, repeats: int, with_peers: bool) -> None:
    peers = contest.installed(contest.PEERS) if with_peers else []
    results = []
    for result in contest.contest(name, device, repeats, peers):
        results.append(result)
        if len(results) == 1:
            output.say(report.machine(result["machine"], device), f"{name}: {next(lines := report.work(result))}", *lines)
            output.say(report.heading())
        output.say(report.row(result, results[0]))
    output.say("")
    output.keep({"bench": name, "device": device, "results": results})


def _protocol(output: Output, repeats: int, with_peers: bool) -> None:
    peers = contest.installed(protocol.PEERS) if with_peers else []
    for size in protocol.SIZES:
        output.say(f"protocol: {size} inputs, {size} neurons, T = {protocol.STEPS}, batch {protocol.BATCH}, one thread")
        output.say(report.heading().replace("ms per sample", "processor time, ms per batch"))
        results = []
        for result in protocol.protocol(size, repeats, peers):
            results.append(result)
            output.say(report.protocol_row(result, results[0]))
        output.say("")
        output.keep({"bench": "protocol", "size": size, "machine": _machine(), "results": results})


def _start(output: Output) -> None:
    output.say("start: seconds for the imports of a new process + for its first training step")
    for preset in startup.PRESETS:
        found = startup.start(preset)
        for state, seconds in found.items():
            output.say(f"  {preset:12} {state}: {seconds['import']:5.2f} + {seconds['first_step']:6.2f}")
        output.keep({"bench": "start", "preset": preset, "machine": _machine(), **found})


def _machine() -> dict[str, Any]:
    from cupynn.device.device import machine

    return machine()
