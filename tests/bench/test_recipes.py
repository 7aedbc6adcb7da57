"""Tables of results are filled from result files, and result files come from the commands of the tables."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from cupynn.config import renewed

BENCH = Path(__file__).parents[1] / "bench"


def script(name):
    spec = importlib.util.spec_from_file_location(name, BENCH / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)  # dataclasses look it up there
    spec.loader.exec_module(module)
    return module


recipes, ablation = script("recipes"), script("ablation")

KEPT = [(name, seed) for name, row in recipes.ROWS.items() for seed in row.seeds if recipes.result_file(name, seed).exists()]


@pytest.mark.parametrize(("name", "seed"), KEPT, ids=[f"{name}-{seed}" for name, seed in KEPT])
def test_a_result_is_that_of_its_command(name, seed):
    result = json.loads(recipes.result_file(name, seed).read_text(encoding="utf-8"))
    assert renewed(result["definition"]) == recipes.definition(name, seed)  # some have arguments by their former names
    assert result["seed"] == seed
    confusion = np.array(result["test"]["confusion"])
    assert result["test"]["accuracy"] == confusion.trace() / confusion.sum()
    assert [epoch["number"] for epoch in result["epochs"]] == list(range(1, result["definition"]["training"]["epochs"] + 1))
    accuracies = [epoch["validation_accuracy"] for epoch in result["epochs"]]
    assert accuracies[result["best_epoch"] - 1] == max(accuracies)


@pytest.mark.parametrize("page", recipes.PAGES, ids=lambda page: page.parent.name)
def test_a_page_has_the_table_of_the_files(page):
    text = page.read_text(encoding="utf-8")
    assert text == recipes.fill(text, recipes.PAGES[page])


def test_the_package_has_the_accuracies_of_the_files():
    assert recipes.PUBLISHED.read_text(encoding="utf-8") == recipes.published()


def test_every_row_is_trained_and_every_result_is_shown():
    assert all(recipes.trained(name) for name in recipes.ROWS)
    stored = {path.name for path in recipes.RESULTS.glob("*-[0-9].json")}
    assert stored == {recipes.result_file(*one).name for one in KEPT}


def test_the_notebook_has_the_tables_of_the_ablation():
    results = json.loads(ablation.RESULTS.read_text(encoding="utf-8"))
    notebook = json.loads(ablation.NOTEBOOK.read_text(encoding="utf-8"))
    assert ablation.filled(notebook, results) == notebook
    measured = {(one["name"], one["seed"]) for one in results}
    assert measured == {(name, seed) for name in ablation.variants() for seed in ablation.SEEDS}
