"""``--pause-on-fail``: at a failure, the lab's own command line on the terminal, until its user leaves it."""

from __future__ import annotations

import pytest

from lab.testing.session import HELD


class Pausing:
    """Stops at each failure of a test that has a live lab."""

    def __init__(self, config: pytest.Config) -> None:
        """Keep what knows the terminal."""
        self._config = config

    def pytest_exception_interact(
        self, node: pytest.Item | pytest.Collector, report: pytest.CollectReport | pytest.TestReport
    ) -> None:
        """Show the failure and give the terminal away; the test ends afterwards as it would have."""
        held = node.stash.get(HELD, None)
        if held is None:
            return
        from lab.live import terminal

        capture = self._config.pluginmanager.getplugin("capturemanager")
        told = self._config.get_terminal_writer()
        live = held.network("a pause")
        if capture is not None:
            capture.suspend(in_=True)
        try:
            told.line()
            told.line(f"{node.nodeid} failed, and its lab stands still:", red=True)
            told.line(report.longreprtext)
            told.line("leave Mininet's command line (exit) to go on", yellow=True)
            told.flush()
            terminal.command_line(live.lab.channel, folder=str(self._config.rootpath))
        finally:
            if capture is not None:
                capture.resume()
