from __future__ import annotations

import csv
import io
import json
import re
from functools import cache
from typing import Any

import jsonschema
import pycef
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from audit.actions import Action, Result
from audit.exporting.formats import FORMATS, read, render
from audit.exporting.formats.csv import HEADER

pytestmark = [pytest.mark.promise("L-06"), pytest.mark.once]

NASTY = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=40),
    st.sampled_from(
        [
            *("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "'", "''=1", "＝1", 'a"b', "a,b", "a\r\nb", '"'),  # noqa: RUF001
            *("a|b", "a=b", "a\\", "\\=", " rawEvent={}", "cs1=x", "\u2028", "\0", "</script>", "${jndi:ldap://x}", ""),
        ]
    ),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), NASTY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY, inner, max_size=3),
    max_leaves=6,
)
ENTRIES = st.fixed_dictionaries(
    {
        "timestamp": st.sampled_from(["2024-03-01T09:30:00.000123Z", "1969-12-31T23:59:59.999999Z"]),
        **dict.fromkeys(("userId", "userEmail", "userAgent", "resourceType", "resourceId", "description"), NASTY),
        "ipAddress": st.sampled_from(["", "192.0.2.10", "2001:db8::1"]),
        "operation": st.sampled_from([*Action]).map(str),
        "metadata": st.dictionaries(NASTY, JSON, max_size=4),
        "result": st.sampled_from([*Result]).map(str),
    }
)


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "timestamp": "2024-03-01T09:30:00.000123Z",
        "userId": "usr_mfzwizltoq2gk3tpnrsa",
        "userEmail": "admin@example.com",
        "ipAddress": "192.0.2.10",
        "userAgent": "curl/8.5.0",
        "operation": "PROJECT_UPDATE",
        "resourceType": "project",
        "resourceId": "my-app",
        "description": "renamed it",
        "metadata": {
            "eventId": "evt_1",
            "requestId": "r1",
            "project": "my-app",
            "actorKind": "user",
            "credential": "jwt",
        },
        "result": "success",
    } | changes


@pytest.mark.parametrize("file_format", FORMATS)
@given(value=ENTRIES)
def test_every_entry_is_found_again_whole(file_format: str, value: dict[str, Any]) -> None:
    line = render(value, file_format)
    assert read(line, file_format) == value
    assert "\n" not in line or file_format == "csv"


@pytest.mark.parametrize("file_format", FORMATS)
@given(value=st.text(max_size=200))
def test_what_is_no_line_is_refused_and_breaks_nothing(file_format: str, value: str) -> None:
    with pytest.raises(ValueError, match="this is"):
        read(value, file_format)


@pytest.mark.parametrize(
    ("file_format", "old", "new"),
    [
        ("cef", "suser=admin", "suser=guest"),
        ("cef", "|3|", "|9|"),
        ("ocsf", '"severity_id":1', '"severity_id":4'),
        ("ocsf", '"uid":"my-app"', '"uid":"other"'),
        ("ocsf", '"time"', '"count":1,"time"'),
        ("csv", '"success"', "success"),
        ("ndjson", '{"description"', '{ "description"'),
        ("ndjson", '{"description"', '{"description":"x","description"'),
    ],
)
def test_nothing_hides_in_a_field_beside_the_entry(file_format: str, old: str, new: str) -> None:
    line = render(entry(), file_format)
    assert old in line
    with pytest.raises(ValueError, match="not how Temps writes"):
        read(line.replace(old, new, 1), file_format)


@given(value=ENTRIES)
def test_a_csv_reader_gets_eleven_fields_and_no_formula(value: dict[str, Any]) -> None:
    names, fields = csv.reader(io.StringIO(f"{HEADER}\r\n{render(value, 'csv')}\r\n", newline=""), strict=True)
    assert len(names) == len(fields) == 11
    assert not any(field.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝")) for field in fields)  # noqa: RUF001
    assert json.loads(fields[names.index("metadata")]) == value["metadata"]


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), text)


@pytest.mark.parametrize("text", ["plain", "a=b|c\\d", "=x cs1=y", "a\nb"])
def test_cef_is_what_another_parser_reads(text: str) -> None:
    found = pycef.parse(render(entry(description=text, userAgent=text, result="denied"), "cef"))
    assert (found["DeviceVendor"], found["DeviceEventClassID"], found["Severity"]) == ("Temps", "PROJECT_UPDATE", "7")
    assert (unescaped(found["msg"]), unescaped(found["requestClientApplication"])) == (text, text)
    assert (found["project"], found["src"], found["outcome"]) == ("my-app", "192.0.2.10", "denied")
    assert json.loads(unescaped(found["rawEvent"]))["description"] == text


def test_cef_names_an_ipv6_address_as_such() -> None:
    found = pycef.parse(render(entry(ipAddress="2001:db8::1"), "cef"))
    assert found["Source IPv6 Address"] == "2001:db8::1"
    assert "src" not in found


@cache
def schemas() -> OcsfJsonSchemaEmbedded:
    return OcsfJsonSchemaEmbedded(get_ocsf_schema("1.5.0"))


@cache
def validator(class_uid: int) -> jsonschema.Draft202012Validator:
    found = schemas()
    return jsonschema.Draft202012Validator(found.get_class_schema(found.lookup_class_name_from_uid(class_uid), []))


@pytest.mark.parametrize("result", [*Result])
@pytest.mark.parametrize("operation", [*Action])
def test_every_operation_is_a_valid_event_of_ocsf(operation: str, result: str) -> None:
    kind = {"resourceType": "user", "resourceId": "usr_2"} if operation.startswith(("USER", "ROLE", "MFA")) else {}
    event = json.loads(render(entry(operation=str(operation), result=str(result), **kind), "ocsf"))
    validator(event["class_uid"]).validate(event)
    assert json.loads(event["raw_data"])["operation"] == operation


@pytest.mark.parametrize(
    "changes",
    [
        {"userEmail": "", "ipAddress": "", "userAgent": "", "userId": "operator", "metadata": {}},
        {"ipAddress": "2001:db8::1", "operation": "USER_SIGN_IN", "resourceType": "user"},
        {"description": "=\\|\n", "userAgent": "\0", "operation": "USER_SIGN_IN", "result": "failure"},
    ],
)
def test_an_event_of_ocsf_is_valid_whoever_acted(changes: dict[str, Any]) -> None:
    event = json.loads(render(entry(**changes), "ocsf"))
    validator(event["class_uid"]).validate(event)
