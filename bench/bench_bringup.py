"""Bring-up and tear-down against stock Mininet, interleaved in one run.

One switch, 10 and 100 hosts. The rival is Mininet as it is installed from PyPI, with Linux bridges; it needs the
programs ``mnexec`` (Debian's package mininet), ``brctl`` (bridge-utils) and ``ifconfig`` (net-tools). Every
measurement is a process of its own in private user, pid, mount and network namespaces: nothing touches the machine's
own network, and the rival is kept from writing the machine's settings. Imports are not measured. Both are asked for
one packet from the first host to the last when start has returned.

    python bench/bench_bringup.py [--hosts 10,100] [--repeat 5] [--json]
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import resource
import select
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.nodelib import LinuxBridge
from mininet.topo import SingleSwitchTopo

from lab.errors import EnvironmentProblem, PelabError
from lab.kernel import namespaces
from lab.net.network import Network  # also keeps the rival from writing the machine's settings

PROGRAMS = {"mnexec": "mininet", "brctl": "bridge-utils", "ifconfig": "net-tools", "ip": "iproute2"}
WAIT_S = 120.0
MEASURES = {
    "up_s": "start returns",
    "stop_s": "stop returns",
    "clean_s": "kernel clean after stop",
    "processes": "processes",
    "process_kib": "memory of processes (KiB)",
    "kernel_kib": "memory of the kernel (KiB)",
}


def check_rival() -> None:
    """Raise with the line that mends it when something of the rival is missing."""
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if missing:
        raise EnvironmentProblem(
            f"stock Mininet needs programs that are not here (packages {', '.join(missing)})",
            fix=f"sudo apt-get install --no-install-recommends {' '.join(missing)}",
        )


# -- inside the sandbox ---------------------------------------------------------------------------------------------


def enter() -> None:
    """Enter new namespaces of every kind; returns in a child that is their first process."""
    namespaces.enter_user_namespace()
    namespaces.unshare(namespaces.NEWPID | namespaces.NEWNS | namespaces.NEWNET | namespaces.NEWIPC | namespaces.NEWUTS)
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    namespaces.parent_death_signal()
    namespaces.mount(None, "/", flags=namespaces.REC | namespaces.PRIVATE)
    namespaces.mount("proc", "/proc", "proc")
    namespaces.mount("run", "/run", "tmpfs")
    namespaces.mount("sysfs", "/sys", "sysfs")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def memory() -> tuple[int, int, int]:
    """Return the number of processes here, their proportional memory and the kernel's, both in KiB."""
    processes = proportional = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            lines = (entry / "smaps_rollup").read_text().splitlines()
            proportional += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
            processes += 1
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    kernel = sum(int(fields[name].split()[0]) for name in ("Slab", "Percpu", "KernelStack", "PageTables"))
    return processes, proportional, kernel


def network(kind: str, hosts: int) -> Any:
    """Return a started net of ``kind``."""
    if kind == "ours":
        net = Network(SingleSwitchTopo(hosts))
    else:
        net = Mininet(SingleSwitchTopo(hosts), switch=LinuxBridge, controller=None)
    net.start()
    return net


def reaches(net: Any, kind: str, hosts: int) -> bool:
    """Say whether one packet from the first host to the last is answered."""
    node = net["h1"]
    inside = os.dup(node.namespace) if kind == "ours" else os.open(f"/proc/{node.pid}/ns/net", os.O_RDONLY)
    with namespaces.inside(inside):
        asking = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    os.close(inside)
    packet = struct.pack("!BBHHH", 8, 0, 0, 7, 1)
    check = 0xFFFF ^ sum(struct.unpack("!4H", packet)) % 0xFFFF
    with asking:
        asking.sendto(struct.pack("!BBHHH", 8, 0, check, 7, 1), (net[f"h{hosts}"].IP(), 0))
        return bool(select.select([asking], [], [], 2.0)[0]) and asking.recv(1 << 16)[20] == 0


def wait_until_clean() -> None:
    """Return when the kernel has freed every network namespace but the sandbox's own.

    The kernel counts a user namespace's network namespaces until the last step of their end, and refuses a new one
    above the limit: with a limit of two, one more is possible only when all others are gone.
    """
    Path("/proc/sys/user/max_net_namespaces").write_text("2")
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            namespaces.in_thread(lambda: namespaces.unshare(namespaces.NEWNET))
        except OSError as refused:
            if refused.errno != errno.ENOSPC:
                raise
            time.sleep(0.002)
        else:
            return
    raise TimeoutError(f"network namespaces are still there after {WAIT_S} s")


def measure(kind: str, hosts: int) -> dict[str, Any]:
    """Bring one net up and down and return what it took."""
    setLogLevel("error")
    before = memory()
    began = time.monotonic()
    net = network(kind, hosts)
    up = time.monotonic() - began
    after = memory()
    answered = reaches(net, kind, hosts)
    began = time.monotonic()
    net.stop()
    stop = time.monotonic() - began
    wait_until_clean()
    clean = time.monotonic() - began
    return {
        "kind": kind, "hosts": hosts, "up_s": up, "stop_s": stop, "clean_s": clean, "answered": answered,
        "processes": after[0], "process_kib": after[1] - before[1], "kernel_kib": after[2] - before[2],
    }  # fmt: skip


# -- outside --------------------------------------------------------------------------------------------------------


def run(kind: str, hosts: int) -> dict[str, Any]:
    """Measure in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--inside", kind, "--hosts", str(hosts)],
        capture_output=True, text=True, check=False, timeout=WAIT_S * 3, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        raise PelabError(f"{kind}, {hosts} hosts: {done.stdout}{done.stderr}")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if not measured["answered"]:
        raise PelabError(f"{kind}, {hosts} hosts: the last host did not answer the first after start")
    return measured


def summary(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row for each number of hosts and measure: medians, extremes, and the rival's median over ours."""
    rows = []
    for hosts in sorted({r["hosts"] for r in runs}):
        for measure_, text in MEASURES.items():
            row: dict[str, Any] = {"hosts": hosts, "measure": measure_, "text": text}
            for kind in ("stock", "ours"):
                values = [r[measure_] for r in runs if (r["kind"], r["hosts"]) == (kind, hosts)]
                row[kind] = {"median": statistics.median(values), "min": min(values), "max": max(values)}
            ours = row["ours"]["median"]
            row["ratio"] = row["stock"]["median"] / ours if ours > 0 else None
            rows.append(row)
    return rows


def table(rows: list[dict[str, Any]], repeat: int) -> str:
    """Return the rows as text."""

    def cell(value: dict[str, float], seconds: bool) -> str:
        form = "{:.4f} ({:.4f}-{:.4f})" if seconds else "{:.0f} ({:.0f}-{:.0f})"
        return form.format(value["median"], value["min"], value["max"])

    lines = [f"median (min-max) of {repeat} interleaved runs; seconds unless said", ""]
    lines.append(f"{'hosts':>5}  {'':27}{'stock Mininet':>28}{'pelab':>28}{'ratio':>9}")
    for row in rows:
        seconds = row["measure"].endswith("_s")
        ratio = f"x{row['ratio']:.1f}" if row["ratio"] else "-"
        stock, ours = cell(row["stock"], seconds), cell(row["ours"], seconds)
        lines.append(f"{row['hosts']:>5}  {row['text']:27}{stock:>28}{ours:>28}{ratio:>9}")
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--hosts", default="10,100", help="numbers of hosts, with commas (default 10,100)")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each (default 5)")
    parser.add_argument("--json", action="store_true", help="print all runs and the summary as JSON")
    parser.add_argument("--inside", choices=["ours", "stock"], help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.inside:
        enter()
        print(json.dumps(measure(said.inside, int(said.hosts))), flush=True)
        os._exit(0)  # what is left of the net ends with this process
    try:
        check_rival()
        sizes = [int(text) for text in said.hosts.split(",")]
        # interleaved: what else the machine does meets both alike
        runs = [run(kind, hosts) for _ in range(said.repeat) for hosts in sizes for kind in ("stock", "ours")]
    except PelabError as problem:
        print(problem, file=sys.stderr)
        return 2
    rows = summary(runs)
    print(json.dumps({"runs": runs, "summary": rows}, indent=1) if said.json else table(rows, said.repeat))
    return 0


if __name__ == "__main__":
    sys.exit(main())
