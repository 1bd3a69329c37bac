# Everything here works on a clean clone with git, make and a Python 3: `install` brings the rest into this folder.

.DEFAULT_GOAL := help
.PHONY: help install demo serve test mutants lint bench chaos fuzz drill shell migrations servers clean

PORT ?= 8000
ARGS ?=
PYTHON3 ?= python3
RUN := .venv/bin/python
FRESH_FLAG := $(if $(filter-out 0,$(FRESH)),--fresh)

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

install: ## make .venv as uv.lock has it (the others do it by themselves)
	@$(PYTHON3) development/bootstrap.py

demo: install ## load the example world and serve it on PORT (8000); FRESH=1 starts clean
	@$(RUN) -m development.supervisor --port $(PORT) $(FRESH_FLAG) --demo

serve: install ## serve what is in the database on PORT (8000); FRESH=1 starts clean
	@$(RUN) -m development.supervisor --port $(PORT) $(FRESH_FLAG)

test: install ## run the tests; ARGS go to pytest
	@$(RUN) -m pytest -n 2 --dist worksteal $(ARGS)

mutants: install ## take rules away one by one and see that the tests notice; ARGS: areas, --jobs, --whole
	@$(RUN) -m tests.mutants $(ARGS)

lint: install ## check style, layers, types, migrations and the production settings
	@$(RUN) -m ruff check
	@$(RUN) -m ruff format --check
	@.venv/bin/lint-imports
	@$(RUN) -m mypy
	@$(RUN) manage.py makemigrations --check --dry-run
	@SECRET_KEY=`$(RUN) -c 'import secrets; print(secrets.token_urlsafe(64))'` ALLOWED_HOSTS=relode.example EMAIL_URL=smtp://mail.example \
	  DJANGO_SETTINGS_MODULE=config.settings.production \
	  $(RUN) -m development.servers run $(RUN) manage.py check --deploy --fail-level WARNING

bench: install ## measure (see benchmarks/); ARGS go to the benchmarks
	@$(RUN) -m development.servers run $(RUN) -m benchmarks $(ARGS)

chaos: install ## kill servers and processes on a day of work; ARGS="--minutes 3 --seed 7"
	@$(RUN) -m chaos $(ARGS)

fuzz: install ## generated requests of every operation, by the documentation; ARGS="--seed 2 --examples 6"
	@$(RUN) -m chaos.fuzz $(ARGS)

drill: install ## back up, restore into an empty server, reconcile and verify all filed reports; one exit code
	@$(RUN) -m development.servers run $(RUN) -m development.drill

shell: install ## a Python shell with the models at hand
	@$(RUN) manage.py shell

migrations: install ## write the migrations that changed models need
	@$(RUN) manage.py makemigrations

servers: install ## a shell with DATABASE_URL and REDIS_URL set, and servers that run as long as it
	@$(RUN) -m development.servers run $${SHELL:-sh}

clean: ## delete all that was made here, the development data too
	@test ! -x $(RUN) || $(RUN) -m development.servers erase
	@rm -rf .local .uv .venv .*_cache .hypothesis
	@find . -name __pycache__ -prune -exec rm -rf {} +
