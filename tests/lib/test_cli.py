from __future__ import annotations

import pytest

from temps.lib.cli import show_table


def test_cells_are_data_and_not_terminal_commands(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("NAME",), [("\x1b[31mred\x07",), ("[bold]markup[/bold]",)], empty="none")
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\x07" not in printed
    assert "[bold]markup[/bold]" in printed


def test_an_empty_table_says_so_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("NAME",), [], empty="no names yet")
    assert capsys.readouterr() == ("", "no names yet\n")


def test_a_long_cell_is_not_cut_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("A", "B"), [("x" * 150, "y" * 150)], empty="none")
    assert "y" * 150 in capsys.readouterr().out
