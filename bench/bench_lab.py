"""What a whole lab costs: client → up → first verdict over TLS → down, as root and as an ordinary user; and one play.

Each figure is the median with its spread. The play is timed from the shell, imports and services included.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from lab import Call, Outcome, catalogue
from lab.live.client import LiveLab
from lab.live.lab import shared
from lab.model.outcome import Measurement
from lab.play.runner import Mode, play

ROUNDS: Final = 30
CROWD: Final = 12
NOBODY: Final = 65534
PHASES: Final = ("to a lab that stands", "first verdict", "down", "whole cycle")


def cycle(capture: bool = False) -> tuple[float, float, float, float]:
    """Return the milliseconds of one lab's life, by ``PHASES``."""
    began = time.monotonic()
    with LiveLab(WORLD, capture=capture) as lab:
        stands = time.monotonic()
        assert lab.ask(Call.private("vsi-1", "keys")).outcome is Outcome.REACHED
        asked = time.monotonic()
    ended = time.monotonic()
    return (1e3 * (stands - began), 1e3 * (asked - stands), 1e3 * (ended - asked), 1e3 * (ended - began))


def spread(name: str, values: list[float], unit: str = "ms") -> dict[str, Any]:
    """Return a row: median, least, most, number."""
    return {
        "name": name,
        "median": round(statistics.median(values), 1),
        "least": round(min(values), 1),
        "most": round(max(values), 1),
        "runs": len(values),
        "unit": unit,
    }


def memory_mb(pids: list[int]) -> float:
    """Return the processes' proportional share of memory."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except PermissionError:
            continue  # another user's lab, started meanwhile
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def processes() -> dict[int, str]:
    """Return the lab processes that this user can see, by pid."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                title = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:
                continue  # it ended while we looked
            if title.startswith("pelab "):
                found[int(entry.name)] = title
    return found


def labs() -> list[dict[str, Any]]:
    """Measure as the present user: one at a time, several at a time, memory."""
    began = time.monotonic()
    shared().wait()
    rows = [spread("nursery, once for each client process", [1e3 * (time.monotonic() - began)])]
    cycle()
    runs = [cycle() for _ in range(ROUNDS)]
    rows += [spread(name, [run[place] for run in runs]) for place, name in enumerate(PHASES)]
    with ThreadPoolExecutor(4) as pool:
        began = time.monotonic()
        list(pool.map(lambda _: cycle(), range(ROUNDS)))
        rate = ROUNDS / (time.monotonic() - began)
    rows.append(spread("labs a second, four at a time", [rate], "1/s"))
    before = set(processes())
    opened = [LiveLab(WORLD, capture=False) for _ in range(CROWD)]
    for lab in opened:
        lab.__enter__()
    mine = [pid for pid in processes() if pid not in before]
    rows.append(spread("memory of a lab (proportional share)", [memory_mb(mine) / CROWD], "MB"))
    for lab in opened:
        lab.__exit__(None, None, None)
    return rows


def plays() -> list[dict[str, Any]]:
    """Time ``pelab play first_private_call --live`` from the shell, and say where the time goes."""
    command = [sys.executable, "-m", "lab", "play", "first_private_call", "--live", "--json"]
    walls = []
    for _ in range(5):
        began = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        walls.append(1e3 * (time.monotonic() - began))
    parts: dict[str, list[float]] = {}
    for _ in range(5):
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, __file__, "anatomy", str(began)], stdout=subprocess.PIPE, text=True, check=True
        )
        for name, value in json.loads(done.stdout).items():
            parts.setdefault(f"  {name}", []).append(value)
    return [spread("pelab play first_private_call --live", walls), *(spread(name, got) for name, got in parts.items())]


def anatomy(began: float) -> dict[str, float]:
    """Play once and return where the milliseconds went since ``began``, when this process was started."""
    told = {"interpreter and imports": 1e3 * (time.monotonic() - began)}
    before = time.monotonic()
    shared().wait()
    told["waiting for the nursery's imports"] = 1e3 * (time.monotonic() - before)
    calls: list[float] = []

    class Timed(LiveLab):
        """A lab that notes how long its client waits."""

        def __enter__(self) -> Self:
            entered = time.monotonic()
            super().__enter__()
            told["to a lab that stands, capture included"] = 1e3 * (time.monotonic() - entered)
            return self

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            left = time.monotonic()
            super().__exit__(kind, error, trace)
            told["down, capture included"] = 1e3 * (time.monotonic() - left)

        def ask(self, call: Call) -> Measurement:
            asked = time.monotonic()
            measured = super().ask(call)
            calls.append(1e3 * (time.monotonic() - asked))
            return measured

    before = time.monotonic()
    report = play(catalogue.load_scenario("first_private_call"), Mode.LIVE, backend=Timed)
    assert report.agreed
    whole = 1e3 * (time.monotonic() - before)
    slowest = max(calls)
    told["the lost call, waiting for scapy to be loaded"] = slowest
    told[f"the other {len(calls) - 1} calls"] = sum(calls) - slowest
    told["changes, predictions, the rest"] = whole - sum(calls) - sum(v for k, v in told.items() if "capture incl" in k)
    return told


def main() -> None:
    """Measure as this user, or everything when asked for nothing."""
    if sys.argv[1:2] == ["anatomy"]:
        print(json.dumps(anatomy(float(sys.argv[2]))))
        return
    if sys.argv[1:] == ["labs"]:
        print(json.dumps(labs()))
        return
    told: dict[str, Any] = {}
    users = {"root": None, "nobody": NOBODY} if os.geteuid() == 0 else {"this user": None}
    for name, user in users.items():
        done = subprocess.run(
            [sys.executable, __file__, "labs"], stdout=subprocess.PIPE, text=True, check=True, cwd="/",
            user=user, group=user, extra_groups=[] if user else None,
        )  # fmt: skip
        told[name] = json.loads(done.stdout)
    told["play"] = plays()
    if "--json" in sys.argv:
        print(json.dumps(told, indent=2))
        return
    for name, rows in told.items():
        print(f"\n{name}")
        for row in rows:
            extent = f"({row['least']}-{row['most']}, {row['runs']})" if row["runs"] > 1 else ""
            print(f"  {row['name']:48} {row['median']:9.1f} {row['unit']:4} {extent}")


WORLD = catalogue.load_topology("single_account").world()
if __name__ == "__main__":
    main()
