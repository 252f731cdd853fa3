"""The command line: `journey VERB`, verbs in pipeline order. Results on stdout, everything else on stderr.

Every verb is a file beside this one, with a one-line purpose, an example and `--json`, and ends by naming the next
command. Nothing heavy is imported before a verb runs, so that every `--help` answers at once: settings models, stages
and plug-ins sit inside the handlers, and what help says of them is in `flags/flags.json` (see `flags/given.py`).
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup

from journey import interrupts
from journey.cli.check import check
from journey.cli.curate import curate
from journey.cli.doctor import doctor
from journey.cli.evaluate import evaluate
from journey.cli.export import export
from journey.cli.finetune import finetune
from journey.cli.flags.given import plug_ins
from journey.cli.generate import generate, sample
from journey.cli.grade import grade
from journey.cli.list import list_
from journey.cli.printing import file_errors
from journey.cli.problems import problems
from journey.cli.publish import publish
from journey.cli.recipes.claims import claims
from journey.cli.recipes.sweep import sweep
from journey.cli.report import report
from journey.cli.run import demo, run
from journey.cli.shared import TYPED
from journey.cli.show import show
from journey.errors import JourneyError, ResourceError


class Verbs(TyperGroup):
    """The verbs. Options of `journey` itself (help, completion) are only read where the first word is one.

    Typer judges absent options too, with pydantic, which no `--help` of a verb shall wait for.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The verb and its arguments."""
        TYPED[:] = args
        own = self.params, self.add_help_option
        if args and not args[0].startswith("-"):
            self.params, self.add_help_option = [], False
        try:
            return super().parse_args(ctx, args)
        finally:
            self.params, self.add_help_option = own


app = typer.Typer(
    name="journey",
    cls=Verbs,
    help="Make paired shortcut and journey traces, fine-tune on both, and compare the models with an honest verdict.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,  # its table leaves 16 columns of 80 for what a flag means
)


def _add(verb: Callable[..., None], name: str | None = None, epilog: str | None = None) -> None:
    """A verb: the first line of its docstring is its purpose, and its examples stay on one line each."""
    purpose, _, example = (inspect.getdoc(verb) or "").partition("\n\n")
    app.command(name, short_help=purpose, help=f"{purpose}\n\n\b\n{example}", epilog=epilog)(verb)


_add(demo)
_add(run)
_add(sweep)
_add(check)
_add(problems)
_add(sample)
_add(generate, epilog=plug_ins("generate"))
_add(curate, epilog=plug_ins("curate"))
_add(finetune, epilog=plug_ins("finetune"))
_add(evaluate, epilog=plug_ins("evaluate"))
_add(report)
_add(claims)
_add(publish)
_add(export)
_add(show)
_add(list_, name="list")
_add(grade)
_add(doctor)


def main() -> None:
    """Run the command line; every error of ours becomes one message and its exit code, Ctrl-C becomes 130."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    interrupts.handle()
    try:
        app()
    except BaseException as error:
        # Typer turns a KeyboardInterrupt into a silent exit, and a library may make an error of its own of it.
        if interrupts.received() or isinstance(error, KeyboardInterrupt):
            _say_interrupted(interrupts.kept(error))
            interrupts.leave()
        if isinstance(error, JourneyError):
            _fail(str(error), error.exit_code)
        if isinstance(error, MemoryError):
            _fail("out of memory", ResourceError.exit_code)
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        meant = None if os.environ.get("JOURNEY_TRACEBACK") else file_errors.meaning(error)
        if meant is not None:
            _fail(str(meant), meant.exit_code)
        raise


def _say_interrupted(kept: list[str]) -> None:
    from journey import console

    go_on = "run the same command again" + (" to go on from here" if kept else "")
    console.err.print("interrupted;", "; ".join([*kept, go_on]), markup=False, highlight=False, soft_wrap=True)


def _fail(message: str, code: int) -> None:
    from journey import console

    console.err.print("error:", style="bold red", end=" ")
    console.err.print(console.clean(message), markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
