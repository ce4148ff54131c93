"""The ``temps`` command. ``manage.py`` is the same with all of Django's commands, for developers."""

from __future__ import annotations

import contextlib
import gc
import os
import select
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module


def main(*, whole: bool = False) -> None:
    """Run a command: one of those that are offered (:mod:`temps.offered`), or with ``whole`` any that there is."""
    with contextlib.ExitStack() as stack:
        if _is_offline(sys.argv[1:]):
            # An auditor's machine has no installation and need not get one.
            os.environ["TEMPS_DATA_DIR"] = stack.enter_context(tempfile.TemporaryDirectory(prefix="temps-"))
        try:
            _run(whole)
            sys.stdout.flush()
        except BrokenPipeError:
            if not _reader_is_gone():
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to write as Python ends
            sys.exit(1)


def _reader_is_gone() -> bool:
    """Whether nobody reads what is printed any more, as after ``temps --help | head``: no error of ours."""
    poll = select.poll()
    poll.register(sys.stdout, 0)
    return any(events & select.POLLERR for _file, events in poll.poll(0))


def _is_offline(arguments: list[str]) -> bool:
    """Whether this is ``audit verify FILE``."""
    rest = iter(arguments[2:] if arguments[:2] == ["audit", "verify"] else [])
    for argument in rest:
        if argument in ("--public-key", "--checkpoint", "--proof"):
            next(rest, None)
        elif not argument.startswith("-"):
            return True
    return False


def _run(whole: bool) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "temps.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from temps.lib.env import EnvError
    from temps.offered import answer

    try:
        _start()
        if whole or not answer(sys.argv[1:]):
            execute_from_command_line(sys.argv)
    except (EnvError, ImproperlyConfigured) as error:
        sys.exit(f"error: {error}")


def _start() -> None:
    """Read the settings, which makes the data directory, and load the rooms."""
    import django

    with _nothing_to_collect():
        try:
            import_module(os.environ["DJANGO_SETTINGS_MODULE"])
        except OSError as error:
            sys.exit(f"error: the data directory cannot be used: {error.strerror}: {error.filename}")
        django.setup()


@contextlib.contextmanager
def _nothing_to_collect() -> Iterator[None]:
    """What is imported stays. Looking through it for garbage again and again takes a seventh of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


if __name__ == "__main__":
    main()
