"""A host as a test has it: its addresses from the world, and programs in it where there is a network."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import ModelError, Problem
from lab.live.program import Program
from lab.model.plane import Plane
from lab.model.world import Host
from lab.net.hosts import PATH
from lab.testing.words import at_the_tests_line

if TYPE_CHECKING:
    from lab.testing.fixture import LabFixture


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFixture:
    """One host. Programs start in ``folder``, and find the interpreter that runs the tests as ``python``."""

    lab: LabFixture
    described: Host
    folder: str

    @property
    def name(self) -> str:
        """The host's name."""
        return self.described.name

    @property
    def addresses(self) -> Mapping[str, IPv4Interface]:
        """Its addresses with their prefixes by interface, as described."""
        return {nic.name: nic.address for nic in self.described.nics}

    @property
    @at_the_tests_line
    def private_gateway(self) -> IPv4Address:
        """The provider edge's address on its private subnet; ModelError if it has no private NIC."""
        if (nic := self.described.nic(Plane.PRIVATE)) is None:
            text = "has no private NIC, so no private gateway"
            raise ModelError(Problem(where=f"hosts/{self.name}", text=text, hint="a VSI has one: b.vsi(...)"))
        return nic.gateway

    @at_the_tests_line
    def run(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        input: str = "",  # noqa: A002 - as in subprocess.run
        cwd: str | Path = "",
        timeout_s: float | None = None,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end and return its status and output; without a network the test ends as not measured.

        Raises:
            subprocess.CalledProcessError: With ``check``, its status was not 0.
            subprocess.TimeoutExpired: It still ran after ``timeout_s`` and was killed.
            LiveError: There is no such program.
        """
        live = self.lab.network(f"{self.name} runs {_said(arguments)}")
        try:
            done = live.host(self.name).run(
                arguments, env=_with_path(env), input=input, cwd=str(cwd or self.folder), timeout_s=timeout_s
            )
        except subprocess.TimeoutExpired:
            self.lab.note_end(self.name, _said(arguments), lambda: "killed")
            raise
        self.lab.note_end(self.name, _said(arguments), lambda: f"status {done.returncode}")
        if check:
            done.check_returncode()
        return done

    @at_the_tests_line
    def start(
        self,
        arguments: Sequence[str],
        *,
        stdin: int = 0,
        stdout: int = 1,
        stderr: int = 2,
        env: Mapping[str, str] | None = None,
        cwd: str | Path = "",
    ) -> Program:
        """Start a program on descriptors of this process and return at once."""
        live = self.lab.network(f"{self.name} starts {_said(arguments)}")
        program = live.host(self.name).start(
            arguments, stdin=stdin, stdout=stdout, stderr=stderr, env=_with_path(env), cwd=str(cwd or self.folder)
        )
        self.lab.note_end(
            self.name,
            _said(arguments),
            lambda: "not waited for" if program.status is None else f"status {program.status}",
        )
        return program


def _with_path(env: Mapping[str, str] | None) -> dict[str, str]:
    return {"PATH": f"{Path(sys.executable).parent}:{PATH}", **(env or {})}


def _said(arguments: Sequence[str]) -> str:
    return arguments if isinstance(arguments, str) else " ".join(map(str, arguments))
