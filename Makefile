# SPDX-License-Identifier: GPL-2.0-or-later
# Thin verbs; deploy/ does the work.

python := .venv/bin/python
set-up := deploy/setup --tests

.PHONY: check test torture fuzz lab browser bench messages run

check:
	@$(set-up)
	$(python) -m ruff format --check .
	$(python) -m ruff check .
	$(python) -m mypy
	$(python) .venv/bin/lint-imports

test:
	@deploy/test

torture:
	@deploy/test tests/torture

lab:
	@deploy/test -m lab

fuzz:
	@deploy/test tests/torture --hypothesis-profile=fuzz

browser:
	@deploy/test -m browser

bench:
	@deploy/test -m bench -s

run:
	@deploy/run

messages:
	@$(set-up)
	$(python) manage.py makemessages --all --no-location --no-wrap -i .venv -i var -i vendor -i tests -i deploy
