"""Command line: ``python -m tests.generator build [NAME ...] [--out DIR]``, from the repo root."""

from __future__ import annotations

import argparse
from pathlib import Path

from .build import SAMPLES_DIR, build
from .script import load_script, script_paths


def main() -> None:
    """Builds what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.generator", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("build", help="build the named sample calls, or all")
    command.add_argument("names", nargs="*", metavar="NAME", help="a script in calls/, no suffix")
    command.add_argument("--out", type=Path, default=SAMPLES_DIR, help="folder of the sample calls")
    args = parser.parse_args()
    for path in script_paths(args.names):
        script = load_script(path)
        truth = build(script, args.out)
        overlaps = [(event["by"], event["kind"]) for event in truth["interruptions"]]
        print(f"{script.call_id}: {truth['audio']['duration']:.1f} s, overlaps {overlaps}")


if __name__ == "__main__":
    main()
