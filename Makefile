.PHONY: install migrations
RUN := .venv/bin/python

install: ## make .venv as uv.lock has it
	@python3 config/bootstrap.py

migrations: install
	@$(RUN) manage.py makemigrations
