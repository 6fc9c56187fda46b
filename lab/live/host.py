"""A host of a running lab, as its client sees it: a place to run programs and open shells in.

It knows no network: what the host can reach is what its programs find out.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.live import program, terminal
from lab.live.channel import Channel
from lab.live.program import Program


@dataclass(frozen=True, slots=True)
class Host:
    """One host by name."""

    channel: Channel
    name: str

    def run(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        input: str = "",  # noqa: A002 - as in subprocess.run
        cwd: str = "/",
        timeout_s: float | None = None,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end and return its status and output, as ``subprocess.run`` does.

        Raises:
            subprocess.CalledProcessError: With ``check``, its status was not 0.
            subprocess.TimeoutExpired: It still ran after ``timeout_s`` and was killed.
            LiveError: There is no such host, or no such program in it.
        """
        if isinstance(arguments, str):
            raise TypeError(f"the program and its arguments as a list: {arguments.split()!r}")
        done = program.run(
            self.channel,
            self.name,
            arguments,
            input_bytes=input.encode(),
            environment=env,
            folder=cwd,
            timeout_s=timeout_s,
        )
        out, err = (part.decode(errors="replace") for part in (done.stdout, done.stderr))
        if check and done.returncode:
            raise subprocess.CalledProcessError(done.returncode, done.args, out, err)
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    def start(
        self,
        arguments: Sequence[str],
        *,
        stdin: int = 0,
        stdout: int = 1,
        stderr: int = 2,
        env: Mapping[str, str] | None = None,
        cwd: str = "/",
    ) -> Program:
        """Start a program on descriptors of this process and return at once."""
        standard = (stdin, stdout, stderr)
        return Program.start(self.channel, self.name, arguments, standard, environment=env, folder=cwd)

    def shell(
        self,
        arguments: Sequence[str] = ("bash", "--norc", "-i"),
        *,
        env: Mapping[str, str] | None = None,
        cwd: str = "/",
    ) -> int:
        """Give this process's terminal to a program in the host until it ends; return its status."""
        return terminal.shell(self.channel, self.name, arguments, environment=env, folder=cwd)
