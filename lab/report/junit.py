"""JUnit XML of what was played: a suite for each scenario, a test case for each step, the voices as properties.

Written as pytest writes its own, with the same names of properties as the plugin's tests have: whoever reads the one
reads the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final
from xml.etree import ElementTree as ET

from lab.report.evidence import everything
from lab.report.played import Played, mark_of
from lab.report.properties import properties
from lab.report.screen import AGREED, page

_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(plays: Sequence[Played]) -> str:
    """Return ``plays`` as one document."""
    root = ET.Element("testsuites", name="pelab")
    for played in plays:
        root.append(_suite(played))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(played: Played) -> ET.Element:
    report, left = played.report, played.left_out
    counted = {
        "errors": int(bool(played.error)),
        "failures": sum(not step.agreed for step in report.steps),
        "skipped": len(left) - bool(played.error),
        "tests": len(report.steps) + len(left),
    }
    suite = ET.Element("testsuite", name=_legal(report.scenario or "scenario"))
    suite.attrib.update({name: str(count) for name, count in counted.items()})
    suite.attrib.update(time=f"{sum(played.seconds):.3f}", timestamp=played.began.isoformat())
    about = {"pelab.mode": report.mode.value, "pelab.vrf_backend": report.vrf_backend or ""}
    _properties(suite, [(name, value) for name, value in about.items() if value])
    for number, (step, seconds) in enumerate(zip(report.steps, played.seconds, strict=True), 1):
        case = _case(suite, played, number, step.text, seconds)
        _properties(case, properties(number, step))
        if (mark := mark_of(step)) is not AGREED:
            failure = ET.SubElement(case, "failure", type=mark.word, message=_legal(step.why))
            failure.text = _legal("\n".join(f"{kind}: {seen.plain}" for kind, seen in everything(page(), step)))
    for place, (number, text) in enumerate(left):
        case = _case(suite, played, number, text, 0.0)
        if played.error and not place:
            ET.SubElement(case, "error", type="broke", message=_legal(played.error.partition("\n")[0])).text = _legal(
                played.error
            )
        else:
            ET.SubElement(case, "skipped", type="not-run", message=played.why_left_out)
    return suite


def _case(suite: ET.Element, played: Played, number: int, text: str, seconds: float) -> ET.Element:
    name, scenario = f"step {number}: {text}", played.report.scenario or "scenario"
    return ET.SubElement(
        suite, "testcase", classname=_legal(f"pelab.{scenario}"), name=_legal(name), time=f"{seconds:.3f}"
    )


def _properties(parent: ET.Element, values: Iterable[tuple[str, str]]) -> None:
    found = ET.SubElement(parent, "properties")
    for name, value in values:
        ET.SubElement(found, "property", name=name, value=_legal(value))


def _legal(text: str) -> str:
    """Return ``text`` with what XML cannot say said in letters, as pytest does: ``#x1B``."""
    return _NO_XML.sub(lambda found: f"#x{ord(found[0]):02X}", text)
