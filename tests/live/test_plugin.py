"""The pytest plugin on live networks: assertions are measured and proved, and each of them can fail."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading

import pytest
from scapy.utils import rdpcap

from tests.projects import project, properties, run

pytest_plugins = ["pytester"]


SOUND = '''
def sh(lab, line):
    return lab.host("till").run(["sh", "-c", line], timeout_s=20)

def test_the_example(lab):
    lab.set_policy("orders", "private-only", by="till")
    done = lab.host("till").run(["python", "-c", "import os; print(os.environ['IAM_URL'])"],
                                env={"IAM_URL": lab.endpoint("iam", "private")}, timeout_s=20)
    assert (done.returncode, done.stdout) == (0, "https://private.iam.cloud.ibm.com\\n")
    lab.assert_no_public_packets("till")
    lab.assert_denied("laptop", "orders", surface="kms", cause="policy.private-only")

def test_programs_see_the_project_and_tmp_path(lab, tmp_path):
    (tmp_path / "here").write_text("yes")
    assert sh(lab, "ls test_shop.py && cat " + str(tmp_path / "here")).stdout == "test_shop.py\\nyes"

def test_a_route(lab):
    lab.netlink("till").route("del", dst="166.9.0.0/16")
    lab.assert_denied("till", "orders", cause="internet.no-private-service")
    lab.netlink("till").route("add", dst="166.9.0.0/16", gateway=lab.host("till").private_gateway, oif="eth0")
    lab.assert_allowed("till", "orders")

def test_a_refused_route_of_the_models(lab):
    sh(lab, "ip link set eth1 down")
    with pytest.raises(ModelError, match="the kernel refuses: .101, 'Network is unreachable'."):
        lab.netlink("till").route("add", dst="10.9.0.0/16", gateway="198.18.0.9")

def test_the_rest_of_pyroute2(lab):
    kernel = lab.netlink("till")
    (index,) = kernel.link_lookup(ifname="eth1")
    assert kernel.link("get", index=index)[0]["ifname"] == "eth1"
    kernel.addr("add", index="eth1", address="198.18.0.11", prefixlen=29)
    assert "198.18.0.11" in [found["address"] for found in kernel.addr("dump", index=index)]
    kernel.rule("add", table=77, priority=70, src="10.9.0.0/16")
    assert sh(lab, "ip rule").stdout.count("lookup 77") == 1
    kernel.neigh("add", dst="10.65.0.99", lladdr="02:00:00:00:00:99", ifindex="eth0")
    assert "10.65.0.99" in sh(lab, "ip neigh").stdout
    kernel.route("add", dst="10.9.0.0/16", gateway="10.65.0.65", priority=7)
    assert "metric 7" in sh(lab, "ip route").stdout
    with pytest.raises(ModelError, match=r"netlink/till: addr.*the kernel refuses: .17, 'File exists'."):
        kernel.addr("add", index="eth1", address="198.18.0.11", prefixlen=29)
    with pytest.raises(ModelError, match=r"unknown keyword 'adress' .did you mean 'address'"):
        kernel.addr("add", index="eth1", adress="198.18.0.12", prefixlen=29)
    with pytest.raises(ModelError, match=r"route.'ad', .* .did you mean 'add'"):
        kernel.route("ad", dst="10.9.0.0/16")

def test_what_the_model_does_not_know_it_is_not_asked(lab):
    lab.netlink("till").link("set", index="eth0", state="down")
    lab.assert_denied("till", "orders")
    assert lab.reports[-1].predicted is None
    assert "missing link eth0 up" in lab.reports[-1].evidence[0].detail
    lab.assert_allowed("laptop", "orders")
    assert lab.reports[-1].predicted is not None

def test_undone_it_is_asked_again(lab):
    lab.netlink("till").route("add", dst="166.9.0.0/16", gateway="198.18.0.9", priority=0, type="unicast", table=9)
    lab.assert_allowed("till", "orders")
    assert lab.reports[-1].predicted is None
    lab.netlink("till").route("del", dst="166.9.0.0/16", table=9)
    lab.assert_allowed("till", "orders")
    assert lab.reports[-1].predicted is not None

def test_a_program_that_changes_a_table_is_no_lie_either(lab):
    assert sh(lab, "ip route del 166.9.0.0/16").returncode == 0
    lab.assert_denied("till", "orders", cause="internet.no-private-service")
    assert lab.reports[-1].predicted is None
    sh(lab, "ip route add 166.9.0.0/16 via 10.65.0.65")
    lab.assert_allowed("till", "orders")

POLICY = """
token=$(curl -sS "$PELAB_IAM_PRIVATE/identity/token" \\\\
    --data-urlencode "grant_type=urn:ibm:params:oauth:grant-type:apikey" \\\\
    --data-urlencode "apikey=$IBMCLOUD_API_KEY" | sed 's/.*"access_token": *"\\\\([^"]*\\\\)".*/\\\\1/')
curl -sS -f -X PUT "$PELAB_KMS_PRIVATE/api/v2/instance/policies?policy=allowedNetwork" \\\\
    -H "Authorization: Bearer $token" -H "Bluemix-Instance: $KP_INSTANCE_ID" -H "content-type: application/json" \\\\
    -d '{"metadata":{"collectionType":"application/vnd.ibm.kms.instance_policy+json","collectionTotal":1},"resources":[{"policy_type":"allowedNetwork","policy_data":{"enabled":true,"attributes":{"allowed_network":"private-only"}}}]}'
"""

def test_what_a_program_undid_is_done_again(lab):
    assert sh(lab, "ip route del 166.9.0.0/16; ip route add 172.16.0.0/12 via 10.65.0.65").returncode == 0
    lab.act(Netlink("till").route("add", dst="166.9.0.0/16", gateway="10.65.0.65"))
    lab.act(Netlink("till").route("del", dst="172.16.0.0/12"))
    assert [report.agreed for report in lab.reports] == [True, True]
    lab.assert_allowed("till", "orders")

def test_a_policy_that_a_program_set_is_known(lab):
    done = sh(lab, POLICY)
    assert done.returncode == 0, done
    lab.assert_denied("laptop", "orders", cause="policy.private-only")
    assert lab.reports[-1].predicted.cause == "policy.private-only"
'''  # noqa: E501 - a document of the product's in a shell's line


def test_everything_a_test_may_want_works_live(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's example, programs, routes, the rest of pyroute2's words, and what the model does not know."""
    project(pytester, SOUND)
    monkeypatch.setenv("HOME", str(pytester.path))
    result = run(pytester, "--live", "--strict-markers", "-W", "error", "--junitxml=junit.xml")
    result.assert_outcomes(passed=10)
    result.stdout.no_fnmatch_line("*not measured*")
    assert not [left.name for left in pytester.path.iterdir() if left.name in {".cache", ".config"}]
    said = properties(pytester, "test_the_example")
    assert said["pelab.mode"] == "live"
    assert [said[f"pelab.3.{voice}"] for voice in ("stated", "predicted", "measured")] == [
        "denied", "unauthorized", "unauthorized",
    ]  # fmt: skip
    assert [said[f"pelab.2.{voice}"] for voice in ("stated", "predicted", "measured")] == [
        "no-public-packets", "not asked", "no-public-packets",
    ]  # fmt: skip


BROKEN = '''
def sabotage(lab, name, target=""):
    lab.running.sabotage(name, target)

def test_policy_ignored(lab):
    sabotage(lab, "ignore-policy")
    lab.set_policy("orders", "private-only", by="till")
    lab.assert_denied("laptop", "orders")

def test_route_not_made(lab):
    sabotage(lab, "deaf-hosts")
    lab.netlink("till").route("del", dst="166.9.0.0/16")

@pytest.mark.topology("shop", vrf=False)
def test_edge_drops_unplanned(lab):
    sabotage(lab, "report-only", "edge.no-vrf")
    lab.assert_denied("till", "orders")

def test_unplanned_success(lab):
    sabotage(lab, "drop-account-route", "shop")
    lab.assert_allowed("till", "orders")

def test_blind_capture(lab):
    sabotage(lab, "blind-capture")
    lab.assert_no_public_packets("till")

def test_unwatched_interface(lab):
    done = lab.host("till").run(["sh", "-c", "ip link add veth7 type veth peer name veth8 && ip link set veth7 up"])
    assert done.returncode == 0, done
    lab.assert_no_public_packets("till")

def test_public_name(lab):
    lab.host("till").run(["getent", "hosts", "iam.cloud.ibm.com"], timeout_s=20)
    lab.assert_no_public_packets("till")

def test_public_client(lab):
    lab.host("till").run(["curl", "-sS", lab.endpoint("orders", "public")], timeout_s=20)
    lab.assert_no_public_packets("till")

def test_lost_on_the_internet(lab):
    lab.netlink("till").route("del", dst="166.9.0.0/16")
    lab.host("till").run(["curl", "-sS", "-m", "1", lab.endpoint("orders", "private")], timeout_s=20)
    lab.assert_no_public_packets("till")

def test_the_tests_own_call(lab):
    lab.assert_allowed("till", "orders", plane="public")
    lab.assert_no_public_packets("till")

def test_an_address_that_nobody_described(lab):
    lab.netlink("till").addr("add", index="eth0", address="10.65.0.70", prefixlen=26)
    lab.netlink("till").route("replace", dst="166.9.0.0/16", gateway="10.65.0.65", prefsrc="10.65.0.70")
    lab.assert_allowed("till", "orders")

AWAY = """
setsid -f unshare -n sh -c 'echo $$ > /tmp/elsewhere; exec sleep 60' </dev/null >/dev/null 2>&1
until [ -s /tmp/elsewhere ] && ip link set eth1 netns $(cat /tmp/elsewhere); do :; done
"""
FROM_THERE = """
elsewhere() { nsenter -t $(cat /tmp/elsewhere) -n "$@"; }
elsewhere ip addr add 198.18.0.10/29 dev eth1 && elsewhere ip link set eth1 up
elsewhere ip route add default via 198.18.0.9
elsewhere curl -sk -o /dev/null -w '%{http_code}' --resolve "${PELAB_KMS_PUBLIC#https://}:192.0.2.20" "$PELAB_KMS_PUBLIC/api/v2/keys"
"""

def test_an_interface_that_was_moved_away(lab):
    done = lab.host("till").run(["sh", "-c", AWAY + FROM_THERE], timeout_s=20)
    assert done.stdout == "401", done
    lab.assert_no_public_packets("till")

def test_an_interface_that_is_away(lab):
    assert lab.host("till").run(["sh", "-c", AWAY], timeout_s=20).returncode == 0
    lab.assert_no_public_packets("till")

def test_another_in_its_place(lab):
    done = lab.host("till").run(["sh", "-c", AWAY + "ip link add eth1 type veth peer name eth9"], timeout_s=20)
    assert done.returncode == 0, done
    lab.assert_no_public_packets("till")

PAST_THE_QUEUE = """
import socket, struct
from pathlib import Path
opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
opened.setsockopt(263, 20, 1)  # PACKET_QDISC_BYPASS
opened.bind(("eth1", 0))
ends = socket.inet_aton("198.18.0.10") + socket.inet_aton("198.18.0.9")
packet = struct.pack("!BBHHHBBH", 0x45, 0, 28, 1, 0, 64, 1, 0) + ends + struct.pack("!BBHHH", 8, 0, 0xf7fd, 1, 1)
opened.send(bytes.fromhex("ffffffffffff") + opened.getsockname()[4] + bytes.fromhex("0800") + packet)
"""

def test_past_the_queue(lab):
    assert lab.host("till").run(["python", "-c", PAST_THE_QUEUE], timeout_s=20).returncode == 0
    lab.assert_no_public_packets("till")

def test_a_program_that_runs_on(lab):
    lab.host("till").start(["sleep", "60"])
    lab.assert_no_public_packets("till")

def test_a_program_that_left_one(lab):
    assert lab.host("till").run(["setsid", "-f", "sleep", "60"], timeout_s=20).returncode == 0
    lab.assert_no_public_packets("till")
'''  # noqa: E501 - a shell's line
SAYS = {
    "test_policy_ignored": "predicted unauthorized (policy.private-only), measured reached; served at *",
    "test_route_not_made": "vacuous: the route does not show: its table has 166.9.0.0/16 via 10.65.0.65 dev eth0",
    "test_edge_drops_unplanned": "vacuous: the lab is not as planned: backbone: *",
    "test_unplanned_success": "predicted reached (policy.default), measured *",
    "test_blind_capture": "vacuous: the capture is blind at till:eth0: 0 of 2 canaries seen to leave",
    "test_an_interface_that_was_moved_away": "stated no-public-packets, measured * that left",
    "test_an_interface_that_is_away": "vacuous: *till:eth1*No such device",
    "test_another_in_its_place": "vacuous: *till:eth1*",
    "test_past_the_queue": "stated no-public-packets, measured 1 that left",
    "test_a_program_that_runs_on": "vacuous: till: sleep 60 still runs*",
    "test_a_program_that_left_one": "vacuous: till: sleep 60 still runs*",
    "test_unwatched_interface": "vacuous: till has interfaces that nobody watches: veth7",
    "test_public_name": "stated no-public-packets, measured * that left",
    "test_public_client": "stated no-public-packets, measured * that left",
    "test_lost_on_the_internet": "stated no-public-packets, measured * that left",
    "test_the_tests_own_call": "stated no-public-packets, measured * that left",
    "test_an_address_that_nobody_described": "vacuous: asked from 10.65.0.70, which is no address of till",
}


def test_each_assertion_goes_red(pytester: pytest.Pytester) -> None:
    """A part of the lab is broken, or the host does what it should not: each verdict says what is wrong."""
    project(pytester, BROKEN)
    result = run(pytester, "--live", "--junitxml=junit.xml")
    result.assert_outcomes(failed=len(SAYS))
    assert {test: why for test, pattern in SAYS.items() if not matches(why := last_why(pytester, test), pattern)} == {}


def last_why(pytester: pytest.Pytester, test: str) -> str:
    """Return why a test's last assertion failed."""
    *_, why = (value for name, value in properties(pytester, test).items() if name.endswith(".why"))
    return why


def matches(said: str, pattern: str) -> bool:
    """Say whether ``said`` begins as ``pattern``, in which a star stands for anything."""
    return re.match(re.escape(pattern).replace(r"\*", ".*"), said) is not None


CONTROLS = '''
def test_controls_do_not_count(lab):
    """To prove it, the lab itself asks from the till at a public door, and does not count that."""
    lab.netlink("till").route("del", dst="166.9.0.0/16")
    lab.host("till").run(["getent", "hosts", "private.iam.cloud.ibm.com"], timeout_s=20)
    lab.assert_denied("till", "orders", cause="internet.no-private-service")
    packets = lab.running.left("till").packets
    assert packets
    assert all(" to 166.9." in packet.detail for packet in packets), packets

def test_a_link_that_is_down_and_an_earlier_test(lab):
    """What went down after it was shown to be seen is no riddle; what another test sent is none of this one's."""
    lab.netlink("till").link("set", ifname="eth1", state="down")
    lab.assert_allowed("till", "orders")
    lab.assert_no_public_packets("till")

def test_how_programs_ended(lab):
    """A client that was not found sends nothing, and a green says so; one that was killed just now is no riddle."""
    program = lab.host("till").start(["sh", "-c", "sleep 60; true"])
    with pytest.raises(Vacuous, match="sh -c sleep 60; true still runs, and 1 more"):
        lab.assert_no_public_packets("till")
    lab.host("till").run(["sh", "-c", "no_such_client"])
    program.signal(9)
    lab.assert_no_public_packets("till")
    detail = lab.reports[-1].evidence[-1].detail
    assert detail == "not waited for: sh -c sleep 60; true; status 127: sh -c no_such_client"

def test_what_differs_is_not_vacuous(lab):
    """Who expects one of the two does not get the other."""
    lab.assert_allowed("till", "orders", plane="public")
    with pytest.raises(Divergence) as caught:
        lab.assert_no_public_packets("till")
    assert not isinstance(caught.value, Vacuous)
'''


def test_what_does_not_count(pytester: pytest.Pytester) -> None:
    """The lab's own proofs are no packets of the host's, and private traffic is none however it is arranged."""
    project(pytester, CONTROLS)
    run(pytester, "--live").assert_outcomes(passed=4)


REUSED = """
seen = []

def lab_number(lab):
    seen.append(lab._setting.running)
    return len({id(one) for one in seen})

def test_a(lab):
    lab.assert_allowed("till", "orders")
    assert lab_number(lab) == 1

class TestClass:
    def test_b(self, lab):
        lab.assert_no_public_packets("till")
        lab.assert_allowed("laptop", "orders")
        assert lab_number(lab) == 1

    def test_c(self, lab):
        lab.assert_no_public_packets("laptop")  # the call of the test before is that test's
        lab.set_policy("orders", "private-only", by="till")
        assert lab_number(lab) == 1

    def test_d(self, lab):
        lab.assert_allowed("laptop", "orders")
        lab.host("till").run(["true"])
        assert lab_number(lab) == 2

    @pytest.mark.topology("shop", vrf=False)
    def test_e(self, lab):
        assert lab_number(lab) == 3

def test_f(lab):
    assert lab_number(lab) == 4
    lab.running.host("till").run(["ip", "route", "del", "166.9.0.0/16"], check=True)

def test_g(lab):
    assert lab_number(lab) == 5
    lab.assert_allowed("till", "orders")
"""


def test_a_lab_serves_the_next_test_only_where_nothing_was_changed(pytester: pytest.Pytester) -> None:
    """Tests that only look share a lab; after a change, a program, whatever was done, or another topology it is new."""
    project(pytester, REUSED)
    run(pytester, "--live").assert_outcomes(passed=7)


READ = """
READING = [
    ("get_addr", (), {}), ("get_default_routes", (), {}), ("get_links", (), {}), ("get_neighbours", (), {}),
    ("get_qdiscs", (), {}), ("get_routes", (), {}), ("get_routes", (), {"dst": "166.9.0.1"}), ("get_rules", (), {}),
    ("link_lookup", (), {"ifname": "eth1"}), ("stats", ("dump",), {}), ("addr", ("dump",), {}),
    ("link", ("get",), {"index": "eth0"}), ("neigh", ("dump",), {}), ("route", ("show",), {}),
    ("route", ("get",), {"dst": "166.9.0.1"}), ("rule", ("dump",), {}), ("tc", ("dump",), {}), ("fdb", ("dump",), {}),
]
STATE = ["ip -d address", "ip route show table all", "ip -6 route show table all", "ip rule", "ip -6 rule", "tc qdisc",
         "ip neigh show nud permanent", "bridge fdb", "nft list ruleset"]
seen = []

def state(lab):
    done = [lab.host("till").run(each.split(), timeout_s=20) for each in STATE]
    assert [one.stderr for one in done] == [""] * len(STATE)
    return [re.sub(r"(valid|preferred)_lft .*", "", one.stdout) for one in done]

def test_they_change_nothing(lab):
    before = state(lab)
    for word, arguments, named in READING:
        assert getattr(lab.netlink("till"), word)(*arguments, **named) is not None
    assert state(lab) == before
    assert lab._setting.running.beyond("till") == []
    lab.assert_allowed("till", "orders")

def test_every_word_that_only_reads_is_here():
    reading = {word for word in KERNEL_WORDS if word.startswith("get_")} | {"link_lookup", "stats"}
    assert {word for word, _, _ in READING} >= reading

@pytest.mark.parametrize("word, arguments, named", READING, ids=str)
def test_reading(lab, word, arguments, named):
    seen.append(lab._setting.running)
    getattr(lab.netlink("till"), word)(*arguments, **named)
    assert {id(one) for one in seen} == {id(seen[0])}

def test_a_failed_assertion_of_the_tests_own_leaves_it(lab):
    assert lab._setting.running is seen[0]
    assert 0

def test_a_failed_one_of_the_labs_does_not(lab):
    assert lab._setting.running is seen[0]
    lab.assert_denied("till", "orders")

def test_the_next(lab):
    assert lab._setting.running is not seen[0]
    lab.netlink("till").route("add", dst="10.9.0.0/16", gateway="10.65.0.65", priority=7)
    seen.append(lab._setting.running)

def test_a_change_costs_it(lab):
    assert lab._setting.running not in seen
"""


def test_reading_a_kernel_changes_nothing(pytester: pytest.Pytester) -> None:
    """A word that only reads leaves host and lab as they were, which serves the next test; a failed verdict ends it."""
    project(pytester, "import re\nfrom lab.live.world import KERNEL_WORDS\n" + READ)
    result = run(pytester, "--live")
    result.assert_outcomes(passed=22, failed=2)
    result.stdout.fnmatch_lines(["FAILED *own_leaves_it - *", "FAILED *::test_a_failed_one_of_the_labs_does_not - *"])


def test_captures_are_kept_as_files_and_workers_do_not_disturb_each_other(pytester: pytest.Pytester) -> None:
    """One file for each test, with its own frames only, by names that are no two tests' and no path of elsewhere."""
    body = """
@pytest.mark.parametrize("what", ["a/b", "a_b", "../up", "x" * 300], ids=str)
def test_kept(lab, what):
    lab.assert_allowed("till", "orders")
"""
    project(pytester, body)
    run(pytester, "--live", "-n", "2", "--pcap", "frames/kept").assert_outcomes(passed=4)
    files = sorted((pytester.path / "frames" / "kept").rglob("*.pcapng"))
    assert len(files) == 4
    for file in files:
        points = {frame.sniffed_on for frame in rdpcap(str(file))}
        assert {"till:eth0", "private-services:eth0"} <= points
        assert file.stat().st_mode & 0o077 == 0, "what passed in a lab is its user's"


def test_a_capture_that_cannot_be_written_is_told_with_its_file(pytester: pytest.Pytester) -> None:
    """The test is an error, and the next one runs."""
    body = """
def test_kept(lab):
    lab.assert_allowed("till", "orders")

def test_next(lab):
    lab.assert_allowed("till", "orders")
"""
    project(pytester, body)
    folder = pytester.mkdir("frames") / "test_shop.py"
    folder.mkdir()
    (folder / "test_kept.pcapng").symlink_to("/dev/full")
    result = run(pytester, "--live", "--pcap", "frames")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*LiveError: frames/test_shop.py/test_kept.pcapng: *No space left on device*"])


def test_a_failed_test_pauses_with_its_lab_on_the_terminal(pytester: pytest.Pytester) -> None:
    """Mininet's command line of that very lab; leaving it goes on with the next test."""
    body = """
def test_first(lab):
    lab.netlink("till").route("del", dst="166.9.0.0/16")
    lab.assert_allowed("till", "orders")

def test_second(lab):
    lab.assert_allowed("till", "orders")
"""
    project(pytester, body)
    master, slave = os.openpty()
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--live", "--pause-on-fail"]
    with subprocess.Popen(command, cwd=pytester.path, stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        killed = threading.Timer(90, process.kill)
        killed.start()
        said, answers = b"", [b"till ip route\n", b"exit\n"]
        try:
            while chunk := _read(master):
                said += chunk
                if answers and said.count(b"mininet> ") == 3 - len(answers):
                    os.write(master, answers.pop(0))
        finally:
            killed.cancel()
            os.close(master)
    text = said.decode()
    assert process.returncode == 1, text
    assert "test_shop.py::test_first failed, and its lab stands still" in text
    table = text.partition("mininet> ")[2].partition("mininet> ")[0]
    assert "161.26.0.0/16 via" in table
    assert "166.9.0.0/16" not in table
    assert "1 failed, 1 passed" in text


def _read(master: int) -> bytes:
    """Return what came; nothing when the other side is closed."""
    try:
        return os.read(master, 65536)
    except OSError:
        return b""
