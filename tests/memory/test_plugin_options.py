"""The plugin's options beside a suite's own: whoever had a word keeps it, and pelab's are said otherwise then."""

from __future__ import annotations

import pytest

from tests.projects import project, run

pytest_plugins = ["pytester"]

OWN = """
def pytest_addoption(parser):
    parser.addoption("--live", action="store_true", help="ask the real shop")
    parser.addoption("--pcap", default="trace.pcap")
    parser.getgroup("shop").addoption("--pause-on-fail", type=int, default=3)
"""
SAYS = """
def test_mine(request):
    said = [request.config.getoption(word) for word in ("--live", "--pcap", "--pause-on-fail")]
    assert said == {said}
"""
PLACES = {
    "conftest": ["conftest.py"],
    "plugin": ["early.py", "-p", "early"],
    "tests-folder": ["tests/conftest.py"],
    "deep-folder": ["suites/shop/conftest.py"],
}


@pytest.mark.parametrize("said", [(), ("--live", "--pcap", "mine", "--pause-on-fail", "7")], ids=["silent", "said"])
@pytest.mark.parametrize("place", PLACES)
def test_a_suites_own_options_are_its_own(pytester: pytest.Pytester, place: str, said: tuple[str, ...]) -> None:
    """Wherever it registers them, said or not: its values are its own, and pelab takes none of them for orders."""
    file, *arguments = PLACES[place]
    home = (pytester.path / file).parent
    home.mkdir(parents=True, exist_ok=True)
    (pytester.path / file).write_text(OWN)
    expected = [True, "mine", 7] if said else [False, "trace.pcap", 3]
    (home / "test_mine.py").write_text(SAYS.format(said=expected))
    where = [str(home)] if said and place == "deep-folder" else []  # pytest itself wants such a folder named
    result = run(pytester, *arguments, *where, *said)
    result.assert_outcomes(passed=1)
    assert sorted(found.name for found in pytester.path.glob("*pcap")) == []


def test_a_boolean_pcap_of_anothers_is_no_folder(pytester: pytest.Pytester) -> None:
    """With ``--live``, which is pelab's then: nothing is written, and what follows it is a place of tests."""
    pytester.makepyfile(
        early='def pytest_addoption(parser):\n    parser.addoption("--pcap", action="store_true")\n',
        test_mine='def test_mine(request):\n    assert request.config.getoption("--pcap") is True\n',
        test_other="def test_other():\n    assert False\n",
    )
    run(pytester, "-p", "early", "--live", "--pcap", "test_mine.py").assert_outcomes(passed=1)


def test_where_a_word_is_taken_pelabs_own_is_told(pytester: pytest.Pytester) -> None:
    """Each order that pelab gives then has the word that it hears."""
    pytester.makeconftest('def pytest_addoption(parser):\n    parser.addoption("--live", action="store_true")\n')
    project(pytester, 'def test_memory(lab):\n    lab.host("till").run(["true"])\n')
    result = run(pytester, "--live", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["--pelab-live measures them", "*till runs true, which needs a network: --pelab-live"])
    told = run(pytester, "--live", "--pcap", "frames")
    told.stderr.fnmatch_lines(["ERROR: --pcap needs a network: pytest --pelab-live --pcap"])
    told = run(pytester, "--pelab-live", "--pelab-pause-on-fail", "-n", "2")
    told.stderr.fnmatch_lines(["ERROR: --pause-on-fail needs your terminal, and workers have none: *"])


def test_the_options_are_told(pytester: pytest.Pytester) -> None:
    """``pytest --help`` has them, each by the words that are heard in this project."""
    pytester.makeconftest('def pytest_addoption(parser):\n    parser.addoption("--pcap")\n')
    helped = run(pytester, "--help").stdout
    helped.fnmatch_lines(["pelab:", "  --pelab-live, --live*", "  --pelab-pcap=DIR *", "  --pelab-pause-on-fail, *"])


def test_the_folder_of_captures_is_no_place_of_tests(pytester: pytest.Pytester) -> None:
    """``--pcap DIR`` before the option is known: the conftest files that pytest looks for are those without it."""
    pytester.makeini("[pytest]\ntestpaths = suites\n")
    suites = pytester.mkdir("suites")
    (suites / "conftest.py").write_text('def pytest_addoption(parser):\n    parser.addoption("--theirs")\n')
    (suites / "test_theirs.py").write_text(
        'def test_it(request):\n    assert request.config.getoption("--theirs") == "yes"\n'
    )
    pytester.mkdir("frames")
    run(pytester, "--live", "--pcap", "frames", "--theirs=yes").assert_outcomes(passed=1)


def test_the_options_work_where_plugins_are_named_one_by_one(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without pytest's autoloading, ``-p lab.pytest_plugin`` brings them, too."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    project(pytester, "def test_option(request):\n    assert request.config.getoption('--live')\n")
    run(pytester, "-p", "lab.pytest_plugin", "--live").assert_outcomes(passed=1)
