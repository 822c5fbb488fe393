"""Ways to spoil what is typed: values, options, output folders, and the profiles of a book.

Each takes a source of chance and a call, and says in words what it spoilt; None where it found nothing.
"""

from __future__ import annotations

import os
from random import Random

from corpus import Call

HUGE = "9" * 20
NUMBERS = ["nan", "-1", "0", "1e999", "-.inf", "010", "0x10", HUGE, "-" + HUGE, "1:30", "1_0", "٣", "²", "1e-320", ""]
WORDS = [
    "",
    " ",
    "none",
    "a" * 5000,
    "ä心🫀",
    "a\nb",
    "a\x1b[31mb\x07",
    "a\udce9",
    "{0}",
    "{page}",
    "%s %d",
    "$HOME",
    "~",
]
WORDS += ["'\"`", "a/b", "back\\slash", "null", "[]", "!!python/name:os.system", "CON", "../nowhere", "/proc/nowhere"]
COSTLY = {"--steps": "1", "--subjects": "1", "--size": "quick", "--profile": "quick", "--grid": "quick"}
REFUSED = ["-1", "0", "nan", "1e999", "1.5", "²", "", "a\nb", "{0}", "%s", "none", "-" + HUGE]  # for what may be costly
TRAINING = ["--device", "--rate", "--patience", "--skip", "--fold", "--folds", "--cines"]  # of all training commands
TRAINING += ["--degrees", "--zoom", "--slices", "--stacks"]
NETWORK = ["--scales", "--neck", "--sigma", "--sigma-in-use", "--moving-features", "--updates"]  # chapter 4's
NETWORK += ["--window", "--weight", "--scale-weights", "--free-bits"]  # and of its loss
MOTION = [
    "--length",
    "--frames",
    "--covariance",
    "--sigma",
    "--sigma-time",
    "--dropout",
    "--noise",
    "--neck",
    "--every",
]
OUTPUTS = [
    "",
    ".",
    "Info.cfg/x",
    "/proc/nowhere/x",
    "/dev/null",
    "/dev/null/x",
    "o{0}{x}",
    "o%s",
    "o\nx",
    "-o",
    "a/b/c",
]
OUTPUTS += ["o" * 300, "o\udce9", "ä心🫀", " ", "o'\"\\`$HOME", "o\x1b[31m"]


def output(rng: Random, call: Call) -> str | None:
    """An output folder that is no folder, is full, or cannot be written."""
    if call.out is None or call.folder not in call.out.parents or os.path.lexists(call.out):
        return None
    choice = rng.choice(
        ["a file", "a link to nowhere", "a link to itself", "folders of the results' names", "junk in it"]
    )
    if choice == "a file":
        call.out.write_text("not yours")
    elif choice.startswith("a link"):
        call.out.symlink_to("nowhere" if choice == "a link to nowhere" else call.out.name)
    else:
        for name in call.promised if choice.startswith("folders") else ["not yours"]:
            (call.out / name).mkdir(parents=True)
    return f"output is {choice}"


def argument(rng: Random, call: Call) -> str | None:
    """A value of another kind, an option too many or one less."""
    if not (options := call.options):
        return None
    at = rng.randrange(len(options))
    before = options[at - 1] if at else ""
    choice = rng.choice(["value", "value", "value", "value", "less", "again", "unknown"])
    if choice == "less" and before not in COSTLY and options[at] not in (*COSTLY, "--methods", "--method"):
        return f"without {options.pop(at)!r}"
    if choice == "again":
        name, value = rng.choice([*COSTLY.items(), ("--out", "out2"), ("--seed", "1"), ("-p", "seed")])
        options += [name, value]
        return f"more of {name} {value}"
    if choice == "unknown":
        options.insert(at, word := rng.choice(["--nowhere", "-x", "--", "--out=", "-p", "extra"]))
        return f"{word!r} before {options[at + 1][:40]!r}"
    if options[at].startswith("--"):
        return None
    new = rng.choice(REFUSED if before in COSTLY else OUTPUTS if before == "--out" else [*NUMBERS, *WORDS])
    if before in ("--latent", "--seed") or options[at] == new:
        return None
    old, options[at] = options[at], new
    return f"{new[:40]!r} ({len(new)} letters) for {old!r}"


def option(rng: Random, call: Call) -> str | None:
    """An odd value for an option, or for a parameter of a chapter, that the call did not give."""
    given = {
        "register": ["--method"],
        "landmarks": ["--methods", "--forms"],
        "track": ["--method", "--times", "--device"],
        "study": ["--methods", "--skip", "--fold", "--patients", "--grid", "--slices"],
        "trade-off": ["--methods", "--fold", "--patients", "--grid"],
        "missing-frames": ["--patients", "--grid"],
        "train deformation": [*NETWORK, *TRAINING],
        "train voxelmorph": ["--noise", "--precision", *TRAINING],
        "train motion": [*MOTION, *TRAINING],
        "run": ["-p seed", "-p rate", "-p name", "-p sizes", "-p quick", "-p nowhere", "--profile"],
    }.get(call.command)
    if not given:
        return None
    name = rng.choice(given)
    value = rng.choice(REFUSED if name in COSTLY else [*NUMBERS, *WORDS])
    call.options += [*name.split(), value]
    return f"{name} {value[:40]!r}"


def profile(rng: Random, call: Call) -> str | None:
    """A profile, or a table of contents, that no book can be made from."""
    profiles = call.folder / "chapters" / "profiles"
    wrong = {
        "a name of its own": "quick:\n  seed: 1\n",
        "a list": "- seed\n- rate\n",
        "an unknown parameter": "01_page:\n  speed: 1\n",
        "no mapping below a page": "01_page: [1, 2]\n",
        "open quote": 'seed: "1\n',
        "tabs": "01_page:\n\tseed: 1\n",
        "a tag of Python": "seed: !!python/object/apply:os.getpid []\n",
        "5000 brackets": "[" * 5000,
        "a seed of words": "seed: many\n",
        "a null page": "01_page:\n  seed: null\n",
    }
    choice = rng.choice(["name", "name", "profile", "profile", "profile", "missing page", "toc", "latin", "none"])
    if choice == "name":
        call.options[-1] = rng.choice([name for name in [*NUMBERS, *WORDS, "full"] if "\0" not in name])
        if call.options[-1] == "full":
            (profiles / "full.yaml").unlink()
        return f"--profile {call.options[-1][:40]!r}"
    if choice == "profile":
        name = rng.choice(sorted(wrong))
        (profiles / "quick.yaml").write_text(wrong[name])
        return f"profile: {name}"
    if choice == "none":
        return "no _config.yml"
    if choice == "latin":
        (profiles / "quick.yaml").write_bytes(b"name: caf\xe9\n")
        return "profile in Latin-1"
    if choice == "missing page":
        (call.folder / "chapters" / "01_page.md").unlink()
        return "no chapter of that name"
    name = rng.choice(["", "null", "- a", "root: [", "parts: 3\nroot: book/start\n", "root: book/start\nparts: []x"])
    (call.folder / "_toc.yml").write_text(name)
    return f"_toc.yml is {name!r}"
