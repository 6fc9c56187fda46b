"""JUnit XML as its readers take it: which elements and attributes stand where."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

# the schema that pytest checks its own against; like pytest we add properties to a test case, and call errors "error"
ALLOWED = {
    "testsuites": (set(), {"name", "tests", "failures", "errors", "time"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"},
    ),
    "properties": (set(), set()),
    "property": ({"name", "value"}, {"name", "value"}),
    "testcase": ({"name"}, {"name", "classname", "time"}),
    "failure": (set(), {"type", "message"}),
    "error": (set(), {"type", "message"}),
    "skipped": (set(), {"type", "message"}),
}
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase"},
    "properties": {"property"},
    "testcase": {"properties", "failure", "error", "skipped"},
}


def fits(element: ET.Element) -> None:
    """Check an element, and all below it, against the schema."""
    needed, known = ALLOWED[element.tag]
    assert needed <= set(element.attrib) <= known, element.tag
    for child in element:
        assert child.tag in CHILDREN.get(element.tag, set()), f"{child.tag} in {element.tag}"
        fits(child)
    if "time" in element.attrib:
        assert re.fullmatch(r"[0-9]{0,3}(\.[0-9]{0,3})?", element.attrib["time"])
