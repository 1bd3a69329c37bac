"""Relode on one's own machine: what makes `.venv`, the servers that come as wheels, and the processes that run on them.

`bootstrap` is run by `make` before everything else. `processes` starts programs that end with their parent, `embedded`
starts PostgreSQL and Valkey with it, `servers` shares them among all who need them, and `supervisor` runs web server,
worker and beat on them. Nothing here imports Relode's code, and nothing of it is in the production image.
"""
