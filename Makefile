# Five verbs. Each first makes .venv ready (bin/setup: quick when nothing is to do). ARGS adds arguments: make test ARGS='-k lockout'
.PHONY: demo test test-machines check bench

demo:
	@bin/setup
	@.venv/bin/pelab play first_private_call --live $(ARGS)

test:
	@bin/setup test
	@.venv/bin/python -m pytest -n 2 --dist worksteal --live $(ARGS)

# Clean machines, made from packages: Vagrant's provisioning, the container, CI's commands. Needs root and package mirrors.
# Without the suite in such a machine, which takes longest: that one is asked for by ARGS='-k whole'.
test-machines:
	@bin/setup machines
	@.venv/bin/python -m pytest tests/machines -k 'not whole' --durations=0 $(ARGS)

check:
	@bin/setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

bench:
	@bin/setup bench
	@.venv/bin/python bench/bench_bringup.py $(ARGS)
	@.venv/bin/python bench/bench_lab.py
	@.venv/bin/python bench/bench_matrix.py
