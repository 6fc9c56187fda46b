"""The pytest plugin without a network: model and services judge, and it is said what was not measured."""

from __future__ import annotations

import pytest

from tests.projects import HEAD, project, properties, run

pytest_plugins = ["pytester"]

SOUND = """
def test_by_name(lab):
    lab.assert_allowed("till", "orders")
    lab.set_policy("orders", "private-only", by="till")
    lab.assert_denied("laptop", "orders", surface="kms", cause="policy.private-only")
    lab.assert_denied("laptop", "orders", plane="private")

def test_nothing_is_left_of_it(lab):
    lab.assert_allowed("laptop", "orders", plane=Plane.PUBLIC)
    lab.assert_allowed("till", "orders", surface="iam")
    lab.assert_allowed("till", "orders", surface="ep11")

@pytest.mark.topology("shop", vrf=False)
def test_parameters(lab):
    lab.assert_denied("till", "orders", cause="edge.no-vrf")
    lab.act(EnableVrf(account="shop"))
    lab.act(EnableServiceEndpoints(account="shop"))
    lab.assert_allowed("till", "orders")

def test_routes(lab):
    lab.netlink("till").route("del", dst="166.9.0.0/16")
    lab.assert_denied("till", "orders", cause="internet.no-private-service")
    lab.netlink("till").route("add", dst="166.9.0.0/16", gateway=lab.host("till").private_gateway)
    lab.assert_allowed("till", "orders")

def test_shared_doors_are_asked_on_the_plane_that_they_have(lab):
    lab.assert_allowed("till", "orders", surface="console")
    lab.set_policy("orders", "private-only", by="till")
    lab.assert_denied("till", "orders", surface="console", cause="policy.not-in-the-ui")
    lab.assert_allowed("till", "orders", surface="broker")
    lab.assert_allowed("till", "orders", surface="tke")
    lab.assert_denied("laptop", "orders", surface="tke", cause="tke.left-out")

def test_what_the_world_says(lab):
    till = lab.host("till")
    assert till.addresses["eth0"].ip in till.addresses["eth0"].network
    assert str(till.private_gateway) == "10.65.0.65"
    assert lab.endpoint("iam", "private") == "https://private.iam.cloud.ibm.com"
    assert lab.endpoint("orders", "public").startswith("https://api.us-south.hs-crypto.cloud.ibm.com:")
    assert lab.endpoint("console", "public") == "https://cloud.ibm.com"
    assert lab.endpoint("orders", "public", surface="broker") == "https://us-south.broker.hs-crypto.cloud.ibm.com"
    assert lab.endpoint("broker", "public") == "https://us-south.broker.hs-crypto.cloud.ibm.com"
    assert lab.endpoint("key-protect", "public") == "https://us-south.kms.cloud.ibm.com"
    assert lab.endpoint("orders", "public", surface="key-protect") == "https://us-south.kms.cloud.ibm.com"
    assert lab.endpoint("orders", "private", surface="tke") == lab.endpoint("tke", "private")
    assert lab.endpoint("orders", "private", surface="iam") == lab.endpoint("iam", "private")
    assert lab.mode is Mode.MEMORY
"""


def test_without_a_network_assertions_are_judged_and_what_was_not_measured_is_said(pytester: pytest.Pytester) -> None:
    """Everything passes that model and services' code agree on; the end of the run counts what nobody measured."""
    project(pytester, SOUND)
    result = run(pytester, "--strict-markers", "-W", "error", "--junitxml=junit.xml")
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines([
        "*pelab: not measured*",
        "21 assertions in 5 tests: in memory, the model and the services' code decided",
        "--live measures them",
    ])  # fmt: skip
    said = properties(pytester, "test_by_name")
    assert said["pelab.mode"] == "memory"
    assert {key: said[f"pelab.3.{key}"] for key in ("stated", "predicted", "measured", "cause", "verdict")} == {
        "stated": "denied",
        "predicted": "unauthorized",
        "measured": "not measured",
        "cause": "policy.private-only",
        "verdict": "agreed",
    }


APART = {
    "keys": (
        "lab.expect(CRYPTO.to(Operation.GENERATE_KEY), Outcome.REACHED)",
        "lab.expect(CRYPTO.to(Operation.ENCRYPT), Outcome.BAD_REQUEST)",
    ),
    "running": ("lab.running.act(DeleteInstance(instance='orders'))", "lab.assert_allowed('till', 'orders')"),
}


@pytest.mark.parametrize("case", APART)
def test_no_test_sees_what_another_did(pytester: pytest.Pytester, case: str) -> None:
    """What only keys in clients' hands know of, or was done past the fixture, is another lab's in the next test."""
    body = """
CRYPTO = Call.ep11_private("till", "orders")

def test_first(lab):
    {}

def test_second(lab):
    {}
"""
    project(pytester, body.format(*APART[case]))
    run(pytester).assert_outcomes(passed=2)


def test_after_a_failed_change_no_packets_are_judged(pytester: pytest.Pytester) -> None:
    """Nor is anything else: what follows would mean nothing."""
    body = """
def test_it(lab):
    with pytest.raises(Divergence):
        lab.set_policy("orders", "private-only", by="laptop", plane="private")
    with pytest.raises(Divergence, match="^not judged: after a failed change it would mean nothing"):
        lab.assert_no_public_packets("till")
"""
    project(pytester, body)
    run(pytester).assert_outcomes(passed=1)


def test_workers_say_the_same(pytester: pytest.Pytester) -> None:
    """Under ``-n`` tests run in other processes; the count is of all of them."""
    project(pytester, SOUND)
    result = run(pytester, "-n", "2")
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["21 assertions in 5 tests:*"])


def test_a_topology_is_named_by_class_or_value_and_nearest_counts(pytester: pytest.Pytester) -> None:
    """A class takes the marker's parameters; one on the test wins over the class's, and that over the file's."""
    body = """
sys.path.insert(0, "topologies")
from shop import Shop

@pytest.mark.topology(Shop, vrf=False)
class TestWithout:
    def test_of_the_class(self, lab):
        lab.assert_denied("till", "orders", cause="edge.no-vrf")

    @pytest.mark.topology(Shop(vrf=True, policy=Policy.PRIVATE_ONLY))
    def test_of_its_own(self, lab):
        lab.assert_denied("laptop", "orders", cause="policy.private-only")

    @pytest.mark.topology(topology("single_account", vsis=2))
    def test_shipped(self, lab):
        lab.assert_allowed("vsi-2", "keys")
"""
    project(pytester, body)
    run(pytester).assert_outcomes(passed=3)


def test_only_a_network_can_do_it_is_left_out_by_name(pytester: pytest.Pytester) -> None:
    """What a program does, and what leaves a host, nobody knows without a network: skipped and told, never passed."""
    body = """
def test_program(lab):
    lab.host("till").run(["true"])

def test_packets(lab):
    lab.assert_no_public_packets("till")

def test_words(lab):
    lab.netlink("till").link("set", index="eth1", state="down")

def test_an_unknown_word_of_a_known_one(lab):
    lab.netlink("till").route("add", dst="10.9.0.0/16", gateway="10.65.0.65", priority=5)

@pytest.fixture
def till(lab):
    lab.assert_allowed("till", "orders")
    lab.host("till").run(["true"])

def test_in_a_fixture_of_theirs(till):
    pass
"""
    project(pytester, body)
    result = run(pytester, "-rs")
    result.assert_outcomes(skipped=5)
    result.stdout.fnmatch_lines([
        "1 assertion in 1 test: in memory, *",
        "5 tests left out: only a network can do what is asked",
        "*not measured: till runs true, which needs a network: --live",
        "*not measured: assert_no_public_packets('till'), which needs a network: --live",
        "*not measured: netlink('till').link('set', index='eth1', state='down'), which needs a network: --live",
    ], consecutive=False)  # fmt: skip


def test_a_failed_assertion_shows_the_voices_and_the_tests_own_line(pytester: pytest.Pytester) -> None:
    """As ``pelab play`` does: what agreed before in one line each, what differs whole; and nothing of the inside."""
    body = """
def test_wrong(lab):
    lab.assert_allowed("till", "orders")
    lab.assert_denied("laptop", "orders", cause="policy.private-only")  # it is not
"""
    project(pytester, body)
    result = run(pytester, "--junitxml=junit.xml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([
        '>       lab.assert_denied("laptop", "orders", cause="policy.private-only")  # it is not',
        "E       lab.errors.Divergence: laptop * list-keys: stated denied, predicted reached (policy.default); *",
        "E       test_wrong * memory",
        "E         1 * till * stated = predicted reached",
        "E             predicted till * kms/private/orders * policy.default (documented)",
        "E             stated denied        predicted reached       measured *",
        "E             memory-log         kms/public/orders: allow 200 by door.served: GET /api/v2/keys *",
        "test_shop.py:*: Divergence",
    ])  # fmt: skip
    result.stdout.no_fnmatch_line("*lab/testing/*")
    assert properties(pytester, "test_wrong")["pelab.2.verdict"] == "diverged"


def test_after_a_failed_change_nothing_is_judged(pytester: pytest.Pytester) -> None:
    """A test that goes on after one finds out that the rest would mean nothing."""
    body = """
@pytest.mark.topology("shop", policy="private-only")
def test_goes_on(lab):
    with pytest.raises(Divergence, match="stated reached, predicted unauthorized"):
        lab.set_policy("orders", "public-and-private", by="laptop")
    with pytest.raises(Divergence, match="not judged: after a failed change it would mean nothing"):
        lab.assert_allowed("till", "orders")
"""
    project(pytester, body)
    run(pytester).assert_outcomes(passed=1)


MISTAKES = {
    'lab.assert_allowed("til", "orders")': "call/by: no host named 'til' (did you mean 'till'?)",
    'lab.assert_allowed("till", "order")': "call/instance: no instance named 'order' (did you mean 'orders'?)",
    'lab.assert_allowed("till", "orders", plane="pubic")': "call/plane: no plane 'pubic' (did you mean 'public'?)",
    'lab.assert_allowed("till", "orders", surface="kmss")': "call/surface: no surface 'kmss' (did you mean 'kms'?)",
    'lab.assert_denied("till", "orders", cause="edge.novrf")': (
        "stated: stated because 'edge.novrf', which is no rule (did you mean 'edge.no-vrf'?)"
    ),
    'lab.set_policy("orders", "private", by="till")': (
        "set_policy/policy: no policy 'private' (did you mean 'private-only'?)"
    ),
    'lab.endpoint("order", "private")': ("endpoint/service: no private endpoint of 'order' (did you mean 'orders'?)"),
    'lab.endpoint("consol", "public")': "endpoint/service: no public endpoint of 'consol' (did you mean 'console'?)",
    'lab.endpoint("orders", "private", surface="broker")': (
        "endpoint/surface: no private endpoint of 'broker' (there are: ep11, iam, kms, tke)"
    ),
    'lab.assert_allowed("till", "orders", surface="console", plane="private")': (
        "call/plane: there is no console on the private network (Call.console(BY, *"
    ),
    'lab.endpoint("orders", "public", surface="resource-controller")': (
        "endpoint/surface: no public endpoint of 'resource-controller' (there are: broker, *"
    ),
    'lab.endpoint("orders", "private", surface="key-protect")': (
        "endpoint/surface: no private endpoint of 'key-protect' (there are: ep11, iam, kms, tke)"
    ),
    'lab.endpoint("tkee", "private")': "endpoint/service: no private endpoint of 'tkee' (did you mean 'tke'?)",
    'lab.assert_denied("laptop", "orders", surface="key-protect")': (
        "call/surface: no instance is asked on the surface 'key-protect' (there are: broker, *"
    ),
    'lab.host("til")': "host: no host named 'til' (did you mean 'till'?)",
    'lab.host("laptop").private_gateway': "hosts/laptop: has no private NIC, so no private gateway (a VSI has one: *",
    'lab.netlink("till").route("add", dst="10.9.0.0/16", gatway="10.65.0.65")': (
        "netlink/till/route: unknown keyword 'gatway' (did you mean 'gateway'?)"
    ),
    'lab.netlink("till").route("add", dst="10.9.0.0/16", gateway="10.1.1.1")': (
        "hosts/till/routes/gateway: 10.1.1.1 is in none of the host's subnets *"
    ),
    'lab.netlink("till").ruote("add")': "netlink/till: pyroute2 has no word 'ruote' (did you mean 'route'?)",
    'lab.expect(Call.private("till", "orders"), "reached")': "stated: stated 'reached' is no outcome (Outcome.REACHED)",
    'lab.act(EnableVrf(account="shp"))': "account: no account named 'shp' (did you mean 'shop'?)",
}


def test_a_mistake_is_told_at_the_tests_line_with_the_nearest_valid_thing(pytester: pytest.Pytester) -> None:
    """One line each, and no traceback through pelab."""
    body = "".join(f"\ndef test_{number}(lab):\n    {line}\n" for number, line in enumerate(MISTAKES))
    project(pytester, body)
    result = run(pytester)
    result.assert_outcomes(failed=len(MISTAKES))
    for told in MISTAKES.values():
        result.stdout.fnmatch_lines([f"E *: {told.replace('[', '[[]')}"])
    result.stdout.no_fnmatch_line("*lab/testing/*")
    result.stdout.no_fnmatch_line("*lab/model/*")


def test_a_marker_that_names_no_topology_is_an_error_of_one_line(pytester: pytest.Pytester) -> None:
    """With the test's name and the nearest topology; so is none, two, and a parameter that there is not."""
    head, body = (
        HEAD.partition("pytestmark")[0],
        """
def test_none(lab): pass

@pytest.mark.topology("shpo")
def test_wrong(lab): pass

@pytest.mark.topology("shop", vfr=False)
def test_parameter(lab): pass

@pytest.mark.topology("shop", "single_account")
def test_two(lab): pass

@pytest.mark.topology(7)
def test_seven(lab): pass
""",
    )
    project(pytester, body, head=head)
    result = run(pytester)
    result.assert_outcomes(errors=5)
    result.stdout.fnmatch_lines([
        "test_shop.py::test_none: wants a lab and names no topology (such as @pytest.mark.topology*",
        "test_shop.py::test_wrong: @pytest.mark.topology: topology: no topology named 'shpo' (did you mean 'shop'?)",
        "test_shop.py::test_parameter: @pytest.mark.topology: shop/vfr: no such parameter (did you mean 'vrf'?)",
        "test_shop.py::test_two: @pytest.mark.topology: 2 topologies are named, and should be one (such as *",
        "test_shop.py::test_seven: @pytest.mark.topology: 7: is no topology (its name, or its class)",
    ])  # fmt: skip
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*During handling*")


OPTIONS = {
    ("--pcap", "frames"): "--pcap needs a network: pytest --live --pcap",
    ("--pause-on-fail",): "--pause-on-fail needs a network: pytest --live --pause-on-fail",
    ("--live", "--pause-on-fail", "-n", "2"): "--pause-on-fail needs your terminal, and workers have none: *",
    ("--live", "--pcap", "test_shop.py"): "--pcap test_shop.py: File exists",
}


@pytest.mark.parametrize("arguments", OPTIONS, ids=" ".join)
def test_options_that_do_not_fit_together_are_told_before_anything_runs(
    pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    """A wrong use of pytest ends with its own status for that, and one line."""
    project(pytester, SOUND)
    result = run(pytester, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {OPTIONS[arguments]}"])


def test_live_asked_and_impossible_is_an_error_with_its_fix(pytester: pytest.Pytester) -> None:
    """Never a skip, and never a run in memory that looks like a measurement."""
    pytester.makeconftest("""
from lab import EnvironmentProblem
from lab.testing import shelf

class Cannot:
    def __init__(self, world, shared):
        raise EnvironmentProblem("no namespaces here", fix="sysctl user.max_user_namespaces=1000")

shelf.LiveLab = Cannot
""")
    project(pytester, "def test_live(lab):\n    pass\n")
    result = run(pytester, "--live")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["no namespaces here", "fix: sysctl user.max_user_namespaces=1000"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_projects_own_fixture_wins(pytester: pytest.Pytester) -> None:
    """Where ``lab`` is there already, pelab stands in nobody's way."""
    pytester.makepyfile(
        conftest='import pytest\n\n@pytest.fixture\ndef lab():\n    return "mine"\n',
        test_mine='def test_mine(lab):\n    assert lab == "mine"\n',
    )
    run(pytester).assert_outcomes(passed=1)


def test_the_marker_is_told(pytester: pytest.Pytester) -> None:
    """``pytest --markers`` says how it is used."""
    run(pytester, "--markers").stdout.fnmatch_lines(["@pytest.mark.topology(name or class, [*][*]parameters): *"])


def test_a_mistake_is_shown_by_the_tests_own_lines(pytester: pytest.Pytester) -> None:
    """Nothing of pelab's insides, and no trace of how its message was found; all of it with ``--full-trace``."""
    pytester.makepyfile(
        slipped="from lab import Provision, Scenario, Step, topology\n"
        'SCENARIO = Scenario(topology=topology("single_account"), steps=(Step("x", Provision("a"), 1),))\n',
        test_it="""
        from lab import Mode, rehearse

        def test_it():
            rehearse("./slipped.py", Mode.MEMORY)
        """,
    )
    short = run(pytester).stdout.str()
    assert "slipped.py:2: does not import: TypeError: Provision.__init__()" in short
    assert 'rehearse("./slipped.py", Mode.MEMORY)' in short
    assert "catalogue.py" not in short
    assert "direct cause" not in short
    assert "catalogue.py" in run(pytester, "--full-trace").stdout.str()
