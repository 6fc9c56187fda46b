"""A lab is a tree of processes that works for any client, tells what went wrong, and leaves nothing behind."""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.errors import BringUpFailed, EnvironmentProblem, LiveError, ModelError
from lab.live.channel import LabEnded
from lab.live.lab import Lab, Nursery
from lab.live.protocol import Done
from tests.live import process_fixtures
from tests.live.ending import end_cloud
from tests.live.private_place import CANNOT
from tests.live.process_fixtures import FURNISHING, NOBODY, processes_of
from tests.live.two_hosts import Misbehave
from tests.live.waiting import until

pytestmark = pytest.mark.live

nursery = process_fixtures.nursery
two_hosts = process_fixtures.two_hosts

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
PATIENCE_S = 10.0
CASES = (
    "each_process",
    "the_client",
    "any_moment",
    "every_operation",
    "failing_operations",
    "client_at_every_operation",
)


def open_files() -> list[int]:
    """Return the descriptors of this process; reading them opens one more."""
    return sorted(int(entry.name) for entry in Path("/proc/self/fd").iterdir())


# ------------------------------------------------------------------ nothing is left
@pytest.mark.parametrize("user", [-1, NOBODY] if os.geteuid() == 0 else [-1])
@pytest.mark.parametrize("case", CASES)
def test_a_kill_leaves_nothing(case: str, user: int) -> None:
    """No process, namespace, link, mount, file or setting, whoever is killed and whenever."""
    done = subprocess.run(
        [sys.executable, str(HERE / "killing.py"), case, str(user)],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    if done.returncode == CANNOT:
        pytest.fail(f"this machine refuses private namespaces, so nothing was tested: {done.stderr}")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [], done.stderr


def test_close_returns_when_everything_is_gone(nursery: Nursery) -> None:
    """Also when the lab hangs: then it is killed."""
    idle = processes_of(nursery)
    lab = nursery.lab(furnishing=FURNISHING)
    lab.host("left").run(["setsid", "-f", "sleep", "1000"])
    lab.channel.begin(Misbehave(how="hang"))
    lab.close()
    lab.close()
    assert processes_of(nursery) == idle
    assert not lab.alive


def test_a_lab_that_is_dropped_ends(nursery: Nursery) -> None:
    """No descriptor stays open here either."""
    gc.collect()
    idle, files = processes_of(nursery), open_files()
    lab = nursery.lab(furnishing=FURNISHING)
    lab.ping()
    del lab
    gc.collect()
    assert open_files() == files
    with nursery.lab(furnishing=FURNISHING):
        pass  # its end comes after that of the lab before
    assert processes_of(nursery) == idle


def test_a_nursery_that_is_closed_takes_its_labs_with_it() -> None:
    """Whoever waits for an answer is told."""
    mine = Nursery.start()
    lab = mine.lab(furnishing=FURNISHING)
    mine.close()
    with pytest.raises(LabEnded):
        lab.ping()
    lab.close()
    with pytest.raises(LiveError):
        mine.lab()


# ------------------------------------------------------------------ any client
def test_many_labs_at_once_from_many_threads(nursery: Nursery) -> None:
    """Eight labs with equal hosts and addresses do not notice each other."""

    def use(number: int) -> str:
        with nursery.lab(furnishing=FURNISHING) as lab:
            lab.host("left").run(["sh", "-c", f"echo {number} > /tmp/mine"])
            return lab.host("right").run(["cat", "/tmp/mine"]).stdout

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(use, range(24))) == [f"{number}\n" for number in range(24)]


def test_a_nursery_started_by_a_thread_outlives_it() -> None:
    """The parent-death signal would come with the end of the thread, so there is none between client and nursery."""
    made: list[Nursery] = []
    thread = threading.Thread(target=lambda: made.append(Nursery.start()))
    thread.start()
    thread.join()
    with made[0].lab(furnishing=FURNISHING) as lab:
        assert lab.ping().pid == 2
    made[0].close()


def in_python(script: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a client in a process of its own, with all warnings as errors."""
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **options,  # type: ignore[call-overload]
    )
    return done


def test_a_forked_child_gets_a_nursery_of_its_own() -> None:
    """And its end does not end the parent's labs."""
    done = in_python("""
        import os, sys
        from lab.live.lab import shared
        mine = shared()
        lab = mine.lab()
        pid = os.fork()
        if pid == 0:
            assert shared() is not mine
            with shared().lab() as other:
                other.ping()
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert shared() is mine
        lab.ping()
        lab.close()
        print("fine")
    """)
    assert (done.stdout, done.stderr) == ("fine\n", "")


def test_a_multiprocessing_pool_works() -> None:
    """Each worker has a nursery, and none is left when the pool is gone."""
    done = in_python("""
        import multiprocessing
        from lab.live.lab import shared

        def use(number):
            with shared().lab() as lab:
                return lab.ping().pid

        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(pool.map(use, range(4)))
            pool.close()
            pool.join()
    """)
    assert (done.stdout, done.stderr) == ("[2, 2, 2, 2]\n", "")


def test_a_client_that_just_exits_is_clean() -> None:
    """No warning, no trace, no wait."""
    done = in_python("from lab.live.lab import shared; lab = shared().lab(); print(lab.ping().pid)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")


def test_ctrl_c_is_the_clients_business() -> None:
    """The terminal sends it to the whole process group; the lab is in sessions of its own and answers on."""
    done = in_python("""
        import os, signal
        from lab.live.lab import shared
        lab = shared().lab()
        try:
            os.killpg(0, signal.SIGINT)
            signal.pause()
        except KeyboardInterrupt:
            print(lab.ping().pid)
    """, start_new_session=True)  # fmt: skip
    assert done.stdout == "2\n", done.stderr


def test_an_interrupted_question_does_not_spoil_the_next() -> None:
    """The answer that nobody wants any more is dropped."""
    done = in_python(f"""
        import signal
        from lab.errors import LiveError
        from lab.live.lab import Nursery
        from lab.live.protocol import Done
        from {FURNISHING} import Misbehave
        nursery = Nursery.start()
        lab = nursery.lab(furnishing="{FURNISHING}")
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            lab.ask(Misbehave(how="wait"), Done)
        except KeyboardInterrupt:
            print(lab.ping().pid)
        try:
            lab.ask(Misbehave(how="wait"), Done, timeout_s=0.1)
        except LiveError as error:
            print(error, lab.ping().pid)
        lab.close()
        nursery.close()
    """)
    assert done.stdout == "2\nthe lab did not answer in time 2\n", done.stderr


def test_the_client_needs_only_the_standard_library_and_msgspec() -> None:
    """A stranger's test process is not changed by importing half a cloud."""
    done = in_python("""
        import sys
        before = set(sys.modules)
        import lab.live.lab
        new = {name.partition(".")[0] for name in set(sys.modules) - before}
        print(sorted(new - set(sys.stdlib_module_names) - {"lab", "msgspec", "typing_extensions"}))
    """)
    assert done.stdout == "[]\n", done.stderr


# ------------------------------------------------------------------ what goes wrong is told
@pytest.mark.parametrize(
    "how, error, text",
    [
        ("raise", LiveError, "ZeroDivisionError: a mistake"),
        ("environment", EnvironmentProblem, "fix: get one"),
        ("model", ModelError, r"accounts/acme: wrong \(right\)"),
        ("oracle", LiveError, "what is measured must not know what was predicted"),
    ],
)
def test_an_error_reaches_the_client_as_itself(two_hosts: Lab, how: str, error: type[Exception], text: str) -> None:
    """And the lab lives on; an import of the oracle is one of them."""
    with pytest.raises(error, match=text):
        two_hosts.ask(Misbehave(how=how), Done)
    assert two_hosts.ping().pid == 2


def test_the_end_of_the_network_process_is_the_labs_with_its_last_words(nursery: Nursery) -> None:
    """Nothing is concluded; what it wrote to its standard error is shown."""
    lab = nursery.lab(furnishing=FURNISHING)
    with pytest.raises(LabEnded, match="the network process ended: exit status 9"):
        lab.ask(Misbehave(how="die"), Done)
    assert not lab.alive
    lab.close()


def test_the_end_of_the_cloud_process_is_told_and_the_lab_lives_on(two_hosts: Lab) -> None:
    """The notice comes before the next answer; how the process died is told by init, when it has heard of it."""
    end_cloud(two_hosts.host("left"), timeout_s=PATIENCE_S)
    two_hosts.ping()
    assert [notice.kind for notice in two_hosts.notices] == ["cloud-ended"]
    until(lambda: "the cloud process ended: killed by SIGKILL" in two_hosts.errors, "its end stands in the errors")


def test_chatter_is_bounded(two_hosts: Lab) -> None:
    """A process that writes ten megabytes to its standard error neither fills the memory nor stops."""
    two_hosts.order(Misbehave(how="chatter"))
    two_hosts.ping()
    assert len(two_hosts.errors) <= 256 * 1024


def test_an_interpreter_that_cannot_run_the_lab_is_told() -> None:
    """As a problem of the environment or with what it wrote."""
    with pytest.raises(EnvironmentProblem, match="no interpreter"):
        Nursery.start(python="/no/such/python")
    broken = Nursery.start(python="/bin/false")
    with pytest.raises(BringUpFailed, match="ended at once"):
        broken.wait()
    broken.close()


def test_exhausted_descriptors_here_are_told() -> None:
    """One message with what mends it, and nothing half made."""
    made = Nursery.start()
    made.wait()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = set(open_files())
    free = [number for number in range(max(used) + 9) if number not in used]
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[4], before[1]))
    try:
        with pytest.raises(EnvironmentProblem, match="ulimit -n"):
            made.lab()
        files = open_files()  # opens one itself
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert len(open_files()) == len(files)
    with made.lab(furnishing=FURNISHING) as lab:
        lab.ping()
    made.close()


@pytest.mark.parametrize("kind", ["user", "pid", "mnt", "net"])
def test_a_machine_without_namespaces_is_told(kind: str, sandboxed: Callable[..., object]) -> None:
    """The setting that is in the way is named with the command that mends it."""
    said = sandboxed(refused_without, kind)
    assert isinstance(said, str)
    assert f"user.max_{kind}_namespaces is 0" in said
    assert f"sysctl -w user.max_{kind}_namespaces" in said


def refused_without(kind: str) -> str:
    """Forbid a kind of namespace in a user namespace of our own, and return what a lab says then."""
    from lab.kernel import namespaces as ns

    ns.enter_user_namespace()
    ns.unshare(ns.NEWNS)
    ns.mount(None, "/", flags=ns.REC | ns.PRIVATE)
    if kind == "user":
        # as an ordinary user, who needs one
        drop_capabilities()
    Path(f"/proc/sys/user/max_{kind}_namespaces").write_text("0")
    made = Nursery.start()
    try:
        made.lab().close()
    except EnvironmentProblem as problem:
        return str(problem)
    finally:
        made.close()
    return "nothing was refused"


def drop_capabilities() -> None:
    """Have the programs that this process executes run without capabilities, although it is root in its namespace."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    secure_bits, no_root = 28, 0b11
    assert libc.prctl(secure_bits, no_root, 0, 0, 0) == 0, os.strerror(ctypes.get_errno())


def test_signals_to_the_guard_are_not_lost() -> None:
    """What the client's ``Popen`` shows can be terminated like any process."""
    mine = Nursery.start()
    mine.wait()
    mine._process.send_signal(signal.SIGTERM)
    mine._process.wait(PATIENCE_S)
    assert not mine.usable
    with pytest.raises(LiveError):
        mine.lab()
    mine.close()
