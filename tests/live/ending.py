"""Ending a lab's cloud process, from inside one of its hosts."""

from __future__ import annotations

from typing import Final

from lab.live.host import Host

# by its title: the number is another one where a thread stood between the forks
_END_CLOUD: Final = r"""
for place in /proc/[0-9]*; do
    case "$(tr '\0' ' ' <$place/cmdline 2>/dev/null)" in "pelab cloud"*) cloud=${place#/proc/} ;; esac
done
kill -KILL "$cloud" || exit 3
while kill -0 "$cloud" 2>/dev/null; do :; done
"""


def end_cloud(host: Host, *, timeout_s: float = 10.0) -> None:
    """Kill the cloud process of the lab in which ``host`` is, and wait until it is gone."""
    host.run(["sh", "-c", _END_CLOUD], check=True, timeout_s=timeout_s)
