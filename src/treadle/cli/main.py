"""`treadle <noun> <verb>`: groups load when they are used, so that help and completion stay instant."""

from __future__ import annotations

import gc
import importlib
import os
import re
import sys
from typing import NoReturn

import click

from treadle import __version__
from treadle.core.errors import EXIT_CODE, InvalidInput, MissingExtra, TreadleError, kind_of
from treadle.core.faults import in_words, joined

COMMANDS = {
    "abuse": ("abuse", "Callers who attack, pry, flood or overspend"),
    "access": ("access", "API keys, roles and who may act"),
    "alert": ("alert", "What monitors found, and what explains it"),
    "audit": ("audit", "What was done, and proof that the log is whole"),
    "batch": ("batch", "Many requests from a file, answered when there is time"),
    "bias": ("bias", "Whether answers depend on whom a text speaks of"),
    "cache": ("cache", "Answers that are given again, and whether they are right"),
    "forward": ("forward", "Spans sent on to other OTLP backends"),
    "channel": ("channel", "Where alerts are told: webhooks, Slack, e-mail"),
    "comment": ("comment", "What people say about any object, and who asks for you"),
    "dashboard": ("dashboard", "Charts of live traffic and of engines"),
    "data": ("data", "Datasets, their versions, profiles and examples"),
    "demo": ("demo", "One full turn on a sample or your data, then serve it"),
    "doctor": ("doctor", "What can go wrong here, and how to mend it"),
    "endpoint": ("endpoint", "The names that applications call"),
    "environment": ("environment", "What a release needs to serve in production, staging"),
    "eval": ("eval", "Experiments: targets judged over rows, and compared"),
    "feedback": ("feedback", "What people said about answers"),
    "judge": ("judge", "Models that score answers, and how far they can be believed"),
    "limit": ("limit", "Limits on requests, tokens, USD and concurrency"),
    "gateway": ("gateway", "Serve the data plane alone; how its targets stand"),
    "lineage": ("lineage", "What something was made from, and what came of it"),
    "model": ("model", "Models, their versions, aliases and cards"),
    "monitor": ("monitor", "Signals of live traffic that are watched"),
    "open": ("serve", "Print a link that signs you in"),
    "project": ("project", "Projects, kept apart from each other"),
    "prompt": ("prompt", "Prompts, their versions and labels"),
    "provider": ("provider", "Providers: where requests may be sent, and their keys"),
    "queue": ("queue", "Answers that wait for people to judge them"),
    "release": ("release", "Releases: what is tested, approved and served as one"),
    "rollout": ("rollout", "Moving an endpoint's traffic to a candidate, and back"),
    "rule": ("rule", "Live answers judged as they come"),
    "run": ("run", "Runs: work that was or is being done"),
    "schedule": ("schedule", "When the loop goes around by itself"),
    "secret": ("secret", "Secrets that providers need"),
    "survey": ("survey", "Short questionnaires in sessions, results per release"),
    "trace": ("trace", "Requests that were answered"),
    "train": ("train", "Training runs: base models, fine-tunes, pre-flights"),
    "turn": ("turn", "Turns: once around the loop, from data to data"),
    "up": ("serve", "Start the platform on this machine"),
}
"""Command -> the room that defines it (as `<command>_command`), and its line in the help."""


COLLECTOR = (10_000, 20, 20)
"""When the collector looks for what can be freed. Nearly all that a command imports stays; with Python's own figures, looking through
it again and again is a tenth of what the server takes to start."""


class _Commands(click.Group):
    """Commands by name, imported at first need."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the room of one command."""
        if cmd_name not in COMMANDS:
            return None
        room = importlib.import_module(f"treadle.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(room, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command, or say which one was probably meant."""
        import difflib

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            ctx.fail(
                f"there is no command '{args[0]}'"
                + (f"; did you mean '{near[0]}'?" if near else "; see: treadle --help")
            )
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, "--version", message="treadle %(version)s")
def cli() -> None:
    """Treadle: the whole life of a language-model application.

    \b
    treadle demo                    one full turn on a sample, then serve it
    treadle up                      serve the workspace in ./.treadle
    treadle run list                what was done
    """


def main() -> None:
    """Run a command; say what went wrong in one line on standard error and end with the exit code of its kind."""
    gc.set_threshold(*COLLECTOR)
    try:
        cli(standalone_mode=False)
        sys.stdout.flush()
    except TreadleError as error:
        # What the API's types refuse it explains by its description; a person at a shell has the help instead.
        faults = error.values.get("faults") if error.error_code == "http.invalid_request" else None
        _end(_usage(joined(faults)) if isinstance(faults, list) else error.message, EXIT_CODE[kind_of(error)])
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        # Whoever reads has seen enough (`| head`); click and rich end so too. Python would complain when it flushes once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _end(
            f"'{error.filename or 'a file'}' cannot be used: {error.strerror or error}; check the path and your rights to it",
            EXIT_CODE[TreadleError],
        )
    except Exception as error:  # the border to a person, who gets words and not a stack
        if isinstance(error, ModuleNotFoundError) and not (error.name or "treadle").startswith("treadle"):
            _end(_lacking(error), EXIT_CODE[MissingExtra])
        faults = getattr(error, "errors", None)
        if type(error).__name__ == "ValidationError" and callable(faults):
            _end(_usage(in_words(faults())), EXIT_CODE[InvalidInput])
        _end(f"{_in_short(error)}; {_kept(error)}", EXIT_CODE[TreadleError])


def _end(message: str, exit_code: int) -> NoReturn:
    from treadle.cli.output import note

    note(f"treadle: {message}")
    sys.exit(exit_code)


def _lacking(error: ModuleNotFoundError) -> str:
    return (
        f"this needs the package '{error.name}', which is not installed: the base install talks to a server elsewhere "
        "(TREADLE_URL and TREADLE_API_KEY); install the server with: pip install 'treadle[server]', or all with 'treadle[all]'"
    )


def _usage(told: str) -> str:
    words, command = _command_of(sys.argv[1:])
    for parameter in command.params:  # a field is told by the option that it was given with
        if isinstance(parameter, click.Option):
            told = re.sub(rf"(^|; )'{parameter.name}' ", rf"\1{max(parameter.opts, key=len)} ", told)
    return f"{told}; see: {words} --help"


def _command_of(arguments: list[str]) -> tuple[str, click.Command]:
    """Return the command that was typed, without what it was given: 'treadle limit set'."""
    words: list[str] = ["treadle"]
    found: click.Command = cli
    for argument in arguments:
        inner = found.get_command(click.Context(found), argument) if isinstance(found, click.Group) else None
        if inner is None:
            break
        words.append(argument)
        found = inner
    return " ".join(words), found


def _in_short(error: Exception) -> str:
    return (
        f"this is a fault of Treadle itself: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    )


def _kept(error: Exception) -> str:
    """Keep the stack where it can be attached to a report: with the workspace's logs, or for who has none with what is temporary."""
    import tempfile
    import traceback

    from treadle.core.settings import read_settings

    try:
        logs = read_settings().logs_folder
        folder = logs if os.access(logs, os.W_OK) else None
    except InvalidInput:
        folder = None
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix="treadle-fault-", suffix=".txt", delete=False) as file:
        file.write("".join(traceback.format_exception(error)))
    return f"please report it with the file '{file.name}'"


if __name__ == "__main__":
    main()
