from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from secrets_vault.dotenv import MAX_BYTES, decode, parse, write
from temps.lib.errors import Invalid
from tests import peers

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=60)
AWKWARD = st.text(alphabet="ab \t\r\n'\"\\$`#=!*{}()~&;|<>\x01\x7fé", max_size=30)
VALUES = st.lists(TEXT | AWKWARD, max_size=6).map(lambda values: {f"KEY_{n}": value for n, value in enumerate(values)})


@pytest.mark.promise("S-08")
@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("KEY=value", "value"),
        ("  KEY = value  ", "value"),
        ("export KEY=value", "value"),
        ("\texport\tKEY=value", "value"),
        ("KEY=", ""),
        ("KEY=''", ""),
        ('KEY=""', ""),
        ("KEY=a=b==", "a=b=="),
        ("KEY=two words", "two words"),
        ("KEY=a#b", "a#b"),
        ("KEY=a #b", "a"),
        ("KEY=#a", "#a"),
        ("KEY= #a", ""),
        ("KEY='a # b' # c", "a # b"),
        ('KEY="a # b"\t# c', "a # b"),
        ('KEY={"a": "b=c", "d": [1]}', '{"a": "b=c", "d": [1]}'),
        ("KEY=$HOME/${OTHER}", "$HOME/${OTHER}"),
        ('KEY="$HOME"', "$HOME"),
        (r"KEY=C:\new\table", r"C:\new\table"),
        (r"KEY='C:\new'", r"C:\new"),
        (r'KEY="a\nb\rc\td\\e\"f\$g\`h"', 'a\nb\rc\td\\e"f$g`h'),
        (r'KEY="C:\Users"', r"C:\Users"),
        (r'KEY="\\n"', r"\n"),
        ("KEY='it\"s'", 'it"s'),
        ('KEY="it\'s"', "it's"),
        ("KEY=it's", "it's"),
        ("KEY='one\ntwo'", "one\ntwo"),
        ("KEY='\u00a0'", "\u00a0"),
        ("KEY=\u00a0", "\u00a0"),
        ("KEY=a\u2028b", "a\u2028b"),
    ],
)
def test_a_line_means_what_it_says(line: str, value: str) -> None:
    assert parse(line) == {"KEY": value}
    assert parse(f"# before\n\n{line}\n  # after\n") == {"KEY": value}


@pytest.mark.promise("S-08")
def test_a_key_of_several_lines_comes_through_whole() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQ==\nAAAA\n-----END PRIVATE KEY-----\n"
    assert parse(f'PEM="{pem}"\nNEXT=1\n') == {"PEM": pem, "NEXT": "1"}
    escaped = pem.replace("\n", r"\n")
    assert parse(f'PEM="{escaped}"') == {"PEM": pem}


@pytest.mark.promise("S-08")
def test_a_file_from_windows_reads_as_one_from_elsewhere() -> None:
    unix = "# made by hand\nA=1\nB='2'\nPEM=\"x\ny\"\nC=3 # c\n"
    assert parse("\ufeff" + unix.replace("\n", "\r\n")) == parse(unix) == {"A": "1", "B": "2", "PEM": "x\ny", "C": "3"}


@pytest.mark.promise("S-08")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A=1\nhunter2\n", "line 2: this is not KEY=value"),
        ("A=1\n\n#c\nexport hunter2", "line 4: this is not KEY=value"),
        ("1A=hunter2", "line 1: this is not KEY=value"),
        ("A-B=hunter2", "line 1: this is not KEY=value"),
        ("A: hunter2", "line 1: this is not KEY=value"),
        ("=hunter2", "line 1: this is not KEY=value"),
        ("A='x\ny'\nB='hunter2\n", "line 3: the single quote that opens here is never closed"),
        ('A="hunter2\\"', "line 1: the double quote that opens here is never closed"),
        ("A='hunter2'x", "line 1: something follows the quote that closes the value of line 1"),
        ("A='x\nhunter2'#x", "line 2: something follows the quote that closes the value of line 1"),
        ("A=1\nB=2\nA=hunter2", "line 3: A is in line 1 already"),
        ("A=hunter2\0", "line 1: the value holds a NUL character, which no process environment can"),
        ("A=1\rB=hunter2\r", "line 1: there is a carriage return inside the value; put the value in quotes"),
    ],
)
def test_a_line_that_is_wrong_is_named_and_not_shown(text: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(text)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"A=1\nB=\xff", "line 2: this is not UTF-8 text"),
        ("A=1".encode("utf-16"), "UTF-16"),
        (b"#" * (MAX_BYTES + 1), "more than"),
    ],
)
def test_a_file_that_is_no_text_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        decode(data)


@pytest.mark.promise("S-08")
@settings(deadline=None)
@given(VALUES)
@example({"A": "\r\n", "B": "\r"})
@example({"A": "'\n\\n\"$`"})
def test_what_is_written_reads_the_same(values: dict[str, str]) -> None:
    assert parse(write(values)) == values
    assert parse(decode(write(values).encode("utf-8"))) == values


@settings(deadline=None)
@given(st.text(max_size=80) | st.text(alphabet="AB=\"'\\ \n\r#$export", max_size=80))
def test_any_text_is_read_or_refused_with_its_line(text: str) -> None:
    try:
        values = parse(text)
    except Invalid as error:
        message = error.message
    else:
        message = "line 0: nothing wrong"
        assert parse(write(values)) == values
    assert re.match(r"line \d+: ", message)


@pytest.mark.promise("S-08")
@pytest.mark.parametrize("shell", ["bash", "dash"])
@settings(max_examples=40, deadline=None)
@given(values=VALUES)
def test_a_shell_that_sources_the_file_gets_the_same(shell: str, values: dict[str, str]) -> None:
    script = "set -a; . /dev/stdin; exec env -0"
    program = peers.find(shell, shell)
    answer = subprocess.run(
        [program, "-c", script],
        input=write(values).encode("utf-8"),
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )
    assert answer.stderr == b""
    got = dict(entry.split("=", 1) for entry in answer.stdout.decode("utf-8").split("\0") if entry)
    assert {key: got.get(key) for key in values} == values


def test_plain_values_are_written_bare_for_readers_that_know_no_quotes() -> None:
    assert write({"A": "1", "URL": "https://x.example/?a=b", "E": ""}).splitlines()[1:] == [
        "A=1",
        "URL='https://x.example/?a=b'",
        "E=",
    ]
