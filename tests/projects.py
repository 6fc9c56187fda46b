"""A stranger's project with tests of its own, written into a folder and run by the plugin that is installed."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from tests.junit import fits

SETTINGS = '[tool.pelab]\ntopologies = ["topologies"]\n'
SHOP = '''
"""A shop with a VSI, a laptop and a crypto instance."""

from lab import Builder, Policy, Topology, topology


@topology
class Shop(Topology):
    """One account."""

    vrf: bool = True
    policy: Policy | None = None

    def build(self, b: Builder) -> None:
        """Say what stands in it."""
        account = b.account("shop", vrf=self.vrf, service_endpoints=self.vrf)
        b.vsi("till", account=account)
        b.internet_host("laptop")
        b.crypto_instance("orders", account=account, policy=self.policy)
'''
HEAD = """
import os
import sys
import pytest

from tests.junit import fits
from lab import *

pytestmark = pytest.mark.topology("shop")
"""


def project(pytester: pytest.Pytester, body: str, *, head: str = HEAD) -> None:
    """Write a project with the topology ``shop`` and a file of tests."""
    pytester.makefile(".toml", pyproject=SETTINGS)
    pytester.mkdir("topologies")
    (pytester.path / "topologies" / "shop.py").write_text(SHOP.lstrip())
    (pytester.path / "test_shop.py").write_text(head + body)


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run the project's tests in a process of their own."""
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


def properties(pytester: pytest.Pytester, test: str) -> dict[str, str]:
    """Return the properties of a test in ``junit.xml``."""
    document = ET.parse(pytester.path / "junit.xml")
    fits(document.getroot())
    (case,) = (case for case in document.iter("testcase") if case.get("name") == test)
    return {str(one.get("name")): str(one.get("value")) for one in case.iter("property")}
