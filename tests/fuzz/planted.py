"""A command with one fault of every kind that the fuzz must find, and two right endings."""

import os
import sys
import time
import warnings
from pathlib import Path

import click


@click.command()
@click.argument("fault")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(fault, out):
    """End with a fault, named by a word."""
    if fault == "traceback":
        raise KeyError(fault)
    if fault == "hang":
        time.sleep(60)
    if fault == "crash":
        os.abort()
    if fault in ("right", "half", "unreadable", "left", "sibling"):
        out.mkdir()
        (out / "numbers.json").write_text('{"a": 1}' if fault != "unreadable" else '{"a": ')
    if fault == "sibling":
        (out / ".7.numbers.json").touch()
    if fault == "input":
        Path("input.txt").write_text("spoilt")
    if fault == "warned":
        warnings.warn("of no use to a person", stacklevel=1)
    if fault in ("left", "refused", "one", "input", "torn", "twice", "warned"):
        more = {"torn": "\nand this", "twice": "\nregthesis: and this"}.get(fault, "")
        click.echo(f"regthesis: input.txt: is wrong; mend it{more}", err=True)
    if fault == "segmentation":
        import ctypes

        ctypes.string_at(0)
    sys.exit({"right": 0, "half": 0, "unreadable": 0, "sibling": 0, "nothing": 0, "one": 1}.get(fault, 2))
