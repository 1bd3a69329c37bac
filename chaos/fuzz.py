"""Generated requests of every operation of the API, by its own documentation: none may be answered by a 5xx, by a status that
is not documented, or by another shape than the documented one. Exit code 1 if one was.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from chaos.stack import Servers, Stack, run
from chaos.world import PASSWORD
from development.servers import PROJECT

LOG = PROJECT / ".local" / "fuzz.log"

#: Who asks: the four roles, and nobody.
READERS = ("yard_owner manager", "recycler manager", "producer manager", "regulator manager", "")

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance",
)  # fmt: skip

#: These end the log-in that the requests are made with.
ENDING = r"/auth/(logout|password|tokens)"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m chaos.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="which requests; others each time if not given")
    parser.add_argument("--examples", type=int, default=6, help="generated requests per operation, reader and phase")
    parser.add_argument("--only", default="", help="a regular expression for paths")
    options = parser.parse_args()
    seed = random.randrange(10_000) if options.seed is None else options.seed
    LOG.parent.mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="relode-fuzz-"))
    servers = Servers(home)
    failed, cases, began = False, 0, time.monotonic()
    try:
        with LOG.open("wb") as log:
            stack = Stack(servers, servers.url, log)
            log_ins = _world(servers)
            stack.start("web")
            try:
                _wait(stack.site)
                for reader in READERS:
                    found, sent = _fuzz(stack.site, log_ins.get(reader, ""), seed, options, home)
                    failed, cases = failed or found, cases + sent
                    print(f"{reader or 'nobody'}: {sent} requests{', with failures' if found else ''}", flush=True)
            finally:
                stack.__exit__()
    finally:
        servers.stop()
        shutil.rmtree(home, ignore_errors=True)
    print(f"{cases} requests in {time.monotonic() - began:.0f} s, seed {seed}: {'FAILED' if failed else 'no failure'}")
    sys.exit(failed)


def _world(servers: Servers) -> dict[str, str]:
    """Log-ins of a world with one record of each kind."""
    for command in (("manage.py", "migrate", "-v0"), ("-m", "chaos.fuzz_world")):
        done = run(*command, database_url=servers.url, broker=servers.broker)
        if done.returncode:
            raise SystemExit(done.stdout[-2000:] + done.stderr[-4000:])
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def _wait(site: str) -> None:
    for _ in range(120):
        try:
            urllib.request.urlopen(f"{site}/healthz", timeout=5).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise SystemExit(f"the web server does not answer; see {LOG}")


def _token(site: str, email: str) -> str:
    asked = urllib.request.Request(
        f"{site}/api/v1/auth/login/",
        json.dumps({"email": email, "password": PASSWORD}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return str(json.load(answer)["token"])


def _fuzz(site: str, email: str, seed: int, options: argparse.Namespace, home: Path) -> tuple[bool, int]:
    """Whether something failed, and how many requests were made in the name of `email`."""
    report = home / "report.ndjson"
    report.unlink(missing_ok=True)
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "run", f"{site}/api/schema/?format=json",
        f"--checks={','.join(CHECKS)}", f"--max-examples={options.examples}", f"--seed={seed}",
        "--phases=examples,coverage,fuzzing", "--continue-on-failure", "--warnings=off", "--no-shrink", "--workers=2",
        "--suppress-health-check=all", f"--exclude-path-regex={ENDING}", "--generation-database=none",
        f"--report-ndjson-path={report}", "--request-timeout=60",
    ]  # fmt: skip
    if options.only:
        command.append(f"--include-path-regex={options.only}")
    if email:
        command.append(f"--header=Authorization: Token {_token(site, email)}")
    done = subprocess.run(
        command, cwd=home, env={**os.environ, "NO_COLOR": "1"}, text=True, capture_output=True, check=False
    )
    sent = sum(line.count('"status_code"') for line in report.open()) if report.exists() else 0
    if done.returncode:
        print(done.stdout[-60_000:], done.stderr[-4000:])
    return done.returncode != 0, sent


if __name__ == "__main__":
    main()
