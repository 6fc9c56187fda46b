"""Callers × endpoints to the HTTP answer over TLS, against ``curl`` in each host, cell by cell in one lab.

The rival is what people write by hand: a shell in the host, which has the host's own resolver and trust store, and
curl with the account's token and a patience of a second. It is only timed; whether it says the same is counted. Ours
includes all proof: control pairs, a second packet for a drop, the owner's reading of the policy.

    python bench/bench_matrix.py [--vsis 6] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lab import Builder, Call, Outcome, Plane, Surface
from lab.describe.topology import Topology, topology
from lab.live.client import LiveLab
from lab.model.endpoint import iam, kms
from lab.model.world import World
from lab.play.matrix import questions

GOAL: Final = 10.0
PATIENCE_S: Final = 1
TOKEN: Final = r"""
curl -sS -m 5 "$1/identity/token" -d grant_type=urn:ibm:params:oauth:grant-type:apikey -d "apikey=$IBMCLOUD_API_KEY" |
sed 's/.*"access_token":"\([^"]*\)".*/\1/'
"""
CURL: Final = r"""
exec curl -sS -o /dev/null -w '%{http_code}' --connect-timeout "$4" -H "authorization: Bearer $1" \
  -H "bluemix-instance: $2" "$3/api/v2/keys"
"""
ENDINGS: Final = {7: Outcome.NO_ROUTE, 28: Outcome.TIMED_OUT}
STATUSES: Final = {"200": Outcome.REACHED, "401": Outcome.UNAUTHORIZED}


@topology
class Bench(Topology):
    """An account with two instances, one of them private-only; VSIs, of which every third lacks the route; a laptop."""

    vsis: int = 6

    def build(self, b: Builder) -> None:
        """Build it."""
        acme = b.account("acme", vrf=True, service_endpoints=True)
        for number in range(1, self.vsis + 1):
            b.vsi(f"vsi-{number}", account=acme, private_route=bool(number % 3))
        b.internet_host("laptop", account=acme)
        b.crypto_instance("keys", account=acme)
        b.crypto_instance("locked", account=acme, policy="private-only")


def cells(world: World) -> Iterator[Call]:
    """Return those of a matrix' calls that curl can make: each host's listing of each instance's keys on each plane."""
    return (call for call in questions(world) if call.surface is Surface.KMS)


def by_curl(lab: LiveLab, call: Call, token: str) -> Outcome | None:
    """Return what curl in the host makes of the call; None for what it cannot tell."""
    instance = lab.world.instances[call.instance]
    words = ["sh", "-c", CURL, "sh", token, instance.guid, kms(instance, call.plane).url, str(PATIENCE_S)]
    done = lab.host(call.by).run(words)
    return ENDINGS.get(done.returncode) if done.returncode else STATUSES.get(done.stdout)


def measured(vsis: int) -> dict[str, Any]:
    """Return the row: cells a second, ours and curl's, and where the two say another thing."""
    ours, theirs, unlike = [], [], []
    with LiveLab(Bench(vsis=vsis).world(), capture=False) as lab:
        place = iam(Plane.PUBLIC).url
        tokens = {host: lab.host(host).run(["sh", "-c", TOKEN, "sh", place]).stdout.strip() for host in lab.world.hosts}
        lab.ask(Call.private("vsi-1", "keys"))  # the first call fetches the lab's own token
        for call in cells(lab.world):
            began = time.perf_counter()
            mine = lab.ask(call)
            asked = time.perf_counter()
            curls = by_curl(lab, call, tokens[call.by])
            ours.append(asked - began)
            theirs.append(time.perf_counter() - asked)
            if mine.vacuous or mine.outcome is not curls:
                unlike.append(f"{call}: {mine.outcome.value} {mine.vacuous}, curl {curls and curls.value}")
    return {
        "name": f"matrix, {len(ours)} cells, to the HTTP answer over TLS, proof included",
        "ours": round(len(ours) / sum(ours), 1),
        "rival": round(len(theirs) / sum(theirs), 1),
        "ratio": round(sum(theirs) / sum(ours), 1),
        "goal": GOAL,
        "unit": "cells/s",
        "median_ms": {
            "ours": round(1e3 * statistics.median(ours), 1),
            "curl": round(1e3 * statistics.median(theirs), 1),
        },
        "unlike": unlike,
    }


def main() -> int:
    """Print the row; 1 where the two do not say the same."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--vsis", type=int, default=6, help="how many VSIs ask (default 6)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    row = measured(options.vsis)
    if options.json:
        print(json.dumps(row, indent=2))
    else:
        print(f"{row['name']}: {row['ours']} {row['unit']}, curl {row['rival']}: x{row['ratio']} (goal x{row['goal']})")
        print(f"median of a cell: {row['median_ms']['ours']} ms, curl {row['median_ms']['curl']} ms")
        for line in row["unlike"]:
            print(f"unlike: {line}")
    return 1 if row["unlike"] else 0


if __name__ == "__main__":
    sys.exit(main())
