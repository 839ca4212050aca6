"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

PACKAGES = ("model", "spec", "store", "scheduler")
SINGLE = ("launcher.units", "launcher.names", "launcher.address")


def modules():
    yield from SINGLE
    for package in PACKAGES:
        root = importlib.import_module(f"launcher.{package}")
        for found in pkgutil.iter_modules(root.__path__, f"launcher.{package}."):
            if not found.ispkg:
                yield found.name


EXAMPLES = {
    name: tests
    for name in modules()
    if (
        tests := [
            t for t in doctest.DocTestFinder().find(importlib.import_module(name)) if t.examples
        ]
    )
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_true(name):
    for example in EXAMPLES[name]:
        told = []
        doctest.DocTestRunner().run(example, out=told.append)
        assert not told, "".join(told)


def test_there_are_examples():
    assert {"launcher.units", "launcher.names", "launcher.model.verdict"} <= set(EXAMPLES)
