"""The production image: what the Dockerfile's steps copy into it, and that Relode runs on that alone.

No Docker is needed: the few instructions that our Dockerfile uses are read here as Docker reads them.
"""

import importlib.metadata
import json
import os
import posixpath
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import textwrap
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from demo import world
from development.servers import PROJECT

DOCKERFILE = PROJECT / "docker" / "Dockerfile"
HOME = "/srv/relode"
APPS = ("accounts", "collection", "config", "recycling")
FOLDERS = (*APPS, "locale", "static", "templates")
FILES = {"docker/entrypoint", "manage.py", "pyproject.toml", "uv.lock"}
LEFT_OUT = {"config/settings/development.py", "config/settings/test.py"}

#: Imports every module of Relode, checks it, and tells what else that has loaded.
EVERYTHING = f"""
    import importlib, json, pkgutil, sys
    from django.conf import settings
    from django.core.management import call_command
    for app in {APPS}:
        for module in pkgutil.walk_packages([app], f"{{app}}."):
            importlib.import_module(module.name)
    call_command("check", deploy=True, fail_level="WARNING")
    loaded = sorted({{name.partition(".")[0] for name in sys.modules}})
    print(json.dumps([settings.SETTINGS_MODULE, settings.DEBUG, settings.SESSION_COOKIE_SECURE, loaded]))
"""


@dataclass
class Stage:
    """A FROM of the Dockerfile and what follows it."""

    folder: str = "/"
    files: dict[str, Path] = field(default_factory=dict)
    """What COPY brought, by its path in the image. What RUN makes is not followed."""
    environment: dict[str, str] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)


def stages() -> dict[str, Stage]:
    """The stages of the Dockerfile by name; the last, which is the image, is `image`."""
    found: dict[str, Stage] = {}
    text = "\n".join(line for line in DOCKERFILE.read_text().splitlines() if line and not line.startswith("#"))
    for instruction in text.replace("\\\n", " ").splitlines():
        name, rest = instruction.split(maxsplit=1)
        if name == "FROM":
            _, _, alias = rest.partition(" AS ")
            stage = found[alias or "image"] = Stage()
        elif name == "WORKDIR":
            stage.folder = posixpath.join(stage.folder, rest)
        elif name == "ENV":
            stage.environment |= dict(word.split("=", 1) for word in shlex.split(rest))
        elif name == "RUN":
            stage.runs.append(rest)
        elif name == "COPY":
            _copy(stage, shlex.split(rest), found)
        else:
            assert name in {"USER", "EXPOSE", "ENTRYPOINT", "CMD"}, f"this test does not know {name}"
    return found


def _copy(stage: Stage, words: list[str], others: dict[str, Stage]) -> None:
    """COPY: the contents of a folder, or files, to a path or, if that ends in a slash, into a folder."""
    origin = next((others[word.removeprefix("--from=")] for word in words if word.startswith("--from=")), None)
    *sources, target = [word for word in words if not word.startswith("--")]
    assert not any("*" in source for source in sources), "this test does not know wildcards in COPY"
    available = origin.files if origin else {f"/{name}": file for name, file in context().items()}
    for source in (posixpath.normpath(posixpath.join("/", word)) for word in sources):
        place = posixpath.join(stage.folder, target)
        for name, file in available.items():
            if name == source:
                stage.files[posixpath.join(place, posixpath.basename(name)) if place.endswith("/") else place] = file
            elif name.startswith(f"{source.rstrip('/')}/"):
                stage.files[posixpath.normpath(posixpath.join(place, posixpath.relpath(name, source)))] = file


def context() -> dict[str, Path]:
    """The files that Docker may copy: those that the ignore file leaves, whose last fitting pattern decides."""
    lines = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    rules = [(not line.startswith("!"), _expression(line.removeprefix("!"))) for line in patterns]
    let_in = {line[1:].partition("/")[0] for line in patterns if line.startswith("!")}
    found = {}
    for top in (PROJECT / name for name in let_in):
        for file in filter(Path.is_file, [top, *top.rglob("*")]):
            path = file.relative_to(PROJECT)
            above = [path.as_posix(), *(folder.as_posix() for folder in path.parents)]
            ignored = [ignore for ignore, rule in rules if any(map(rule.fullmatch, above))]
            if not ignored[-1]:
                found[path.as_posix()] = file
    return found


def _expression(pattern: str) -> re.Pattern[str]:
    """A pattern of an ignore file; `**` is any number of folders."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(parts.get(part) or re.escape(part) for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern)))


def test_the_image_is_the_program_and_nothing_else() -> None:
    copied = stages()["image"].files
    below = (file for folder in FOLDERS for file in (PROJECT / folder).rglob("*") if file.is_file())
    program = {file.relative_to(PROJECT).as_posix() for file in below if "__pycache__" not in file.parts}
    assert set(copied) == {f"{HOME}/{name}" for name in (program | FILES) - LEFT_OUT}
    for folder in ("demo", "development", "tests", "benchmarks", "chaos", ".local", ".venv", ".git"):
        assert not [name for name in copied if name.startswith(f"{HOME}/{folder}/")]
    for name, file in copied.items():
        text = file.read_bytes()
        assert world.PASSWORD.encode() not in text and b"not-a-secret" not in text, name


def test_the_image_runs(tmp_path: Path) -> None:
    """Collects its files and compiles as the Dockerfile says; every module of it loads, under production's settings."""
    parts = stages()
    for name, source in parts["image"].files.items():
        target = tmp_path / Path(name).relative_to(HOME)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    (tmp_path / ".venv").symlink_to(sys.prefix)

    def run(*command: str, **environment: str) -> str:
        home = {name: value.replace(HOME, str(tmp_path)) for name, value in environment.items()}
        bare = {"PATH": os.environ["PATH"]}
        done = subprocess.run(command, cwd=tmp_path, env=bare | home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    (step,) = [step for step in parts["build"].runs if "manage.py" in step]
    run("sh", "-c", step.replace(HOME, str(tmp_path)))
    assert (tmp_path / "collected" / "staticfiles.json").exists()

    environment = parts["image"].environment
    environment["PATH"] = environment["PATH"].replace("$PATH", os.environ["PATH"])
    given = {
        "SECRET_KEY": secrets.token_urlsafe(64),
        "ALLOWED_HOSTS": "relode.example",
        "EMAIL_URL": "smtp://mail.example",
        "DATABASE_URL": os.environ["DATABASE_URL"],  # Django's checks ask for PostgreSQL's version
        "REDIS_URL": os.environ["REDIS_URL"],
    }
    entrypoint = str(tmp_path / "docker" / "entrypoint")
    said = run(entrypoint, "manage", "shell", "--command", textwrap.dedent(EVERYTHING), **environment, **given)
    module, debug, secure, loaded = json.loads(said.splitlines()[-1])
    assert (module, debug, secure) == ("config.settings.production", False, True)
    optional = {"psutil"}  # which OpenTelemetry takes where it is there, and does without in the image
    assert not set(loaded) & (
        (development_modules() - optional) | {"demo", "development", "tests", "benchmarks", "chaos"}
    )


def development_modules() -> set[str]:
    """What the packages are imported as that only development installs."""
    listed = tomllib.loads((PROJECT / "pyproject.toml").read_text())["dependency-groups"]["dev"]
    ours = {line.partition(">")[0] for line in listed}
    modules = importlib.metadata.packages_distributions().items()
    return {module for module, owners in modules if ours & {owner.lower().replace("_", "-") for owner in owners}}
