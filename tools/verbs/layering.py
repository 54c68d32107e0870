"""`tools/dev layering`: draw who imports whom, between the packages and between the parts of each."""

from __future__ import annotations

import argparse

from tools.checks import layer_picture
from tools.workspace import ROOT


def main(arguments: list[str]) -> int:
    """Print the pictures, or write them into CONTRIBUTING.md."""
    parser = argparse.ArgumentParser(prog="tools/dev layering", description=__doc__)
    parser.add_argument("--update", action="store_true", help=f"draw them in {layer_picture.PAGE}")
    if parser.parse_args(arguments).update:
        layer_picture.update(ROOT)
    else:
        print(layer_picture.pictures(), end="")
    return 0
