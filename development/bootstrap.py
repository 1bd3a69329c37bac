"""Makes .venv as uv.lock has it, on a machine with nothing but git, make and some Python 3.8 or later.

Run by `make` before everything else, as a program, by whatever `python3` is there: it imports only the standard library
and is written for old Pythons. uv is taken from the PATH or put into .uv/ of this checkout; nothing outside of it
changes.
"""

import glob
import hashlib
import json
import os
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import zipfile

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OWN_UV = os.path.join(PROJECT, ".uv")
PYTHON = os.path.join(PROJECT, ".venv", "bin", "python")
STAMP = os.path.join(PROJECT, ".venv", "synced-with")
OLDEST_PYTHON = (3, 12)
OLDEST_UV = (0, 8)
PYTHON_TO_DOWNLOAD = "3.13"
UV_RELEASES = "https://pypi.org/pypi/uv/json"


def main():
    """Bring .venv up to date; a fraction of a second when it is."""
    wanted = fingerprint()
    if os.path.exists(PYTHON) and read(STAMP) == wanted:
        return
    uv = find_uv() or install_uv()
    python = find_python(uv)
    say("installing what uv.lock lists, for " + python)
    if subprocess.call([uv, "sync", "--frozen", "--quiet", "--compile-bytecode", "--python", python], cwd=PROJECT) != 0:
        fail(
            "uv could not make .venv (its message is above). It needs Python 3.12 or later, which it looked for on\n"
            "the PATH and in ~/.pyenv and then tried to download, and the packages in uv.lock, from pypi.org."
        )
    with open(STAMP, "w") as stamp:
        stamp.write(wanted)


def fingerprint():
    """What .venv depends on."""
    digest = hashlib.sha256()
    for name in ("uv.lock", "pyproject.toml"):
        with open(os.path.join(PROJECT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def find_uv():
    """A uv that is recent enough to read uv.lock, or None."""
    for uv in (shutil.which("uv"), os.path.join(OWN_UV, "bin", "uv")):
        if uv and version(uv, "uv") >= OLDEST_UV:
            return uv
    return None


def install_uv():
    """Put uv into .uv/ with pip, or without it where there is none."""
    say("installing uv into .uv/")
    shutil.rmtree(OWN_UV, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", OWN_UV, "uv"]
    environment = dict(os.environ, PIP_ROOT_USER_ACTION="ignore")
    has_pip = subprocess.call([sys.executable, "-c", "import pip"], stderr=subprocess.DEVNULL) == 0
    if not (has_pip and subprocess.call(pip, env=environment) == 0 and find_uv()):
        shutil.rmtree(OWN_UV, ignore_errors=True)
        download_uv()
    uv = find_uv()
    if not uv:
        fail("The uv in .uv/ does not run here. Install uv yourself: https://docs.astral.sh/uv/")
    return uv


def download_uv():
    """Unpack uv's wheel, which is one program, straight from the package index."""
    try:
        with urllib.request.urlopen(UV_RELEASES, timeout=60) as answer:
            wheels = json.load(answer)["urls"]
        wheel = next((wheel for wheel in wheels if fits(wheel["filename"])), None)
        if wheel is None:
            fail("There is no uv wheel for this machine (%s %s)." % (sys.platform, platform.machine()))
        with tempfile.TemporaryFile() as file:
            address = urllib.parse.urljoin(UV_RELEASES, wheel["url"])  # a mirror may give relative ones
            with urllib.request.urlopen(address, timeout=300) as answer:
                shutil.copyfileobj(answer, file)
            file.seek(0)
            if hashlib.sha256(file.read()).hexdigest() != wheel["digests"]["sha256"]:
                fail("The download of uv is damaged. Try again.")
            place_program(file)
    except OSError as error:
        fail("uv could not be downloaded from pypi.org: %s\nInstall it yourself: https://docs.astral.sh/uv/" % error)


def place_program(wheel):
    """Write the program inside `wheel` to .uv/bin/uv."""
    program = os.path.join(OWN_UV, "bin", "uv")
    os.makedirs(os.path.dirname(program))
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/scripts/uv"))
        with archive.open(name) as source, open(program, "wb") as target:
            shutil.copyfileobj(source, target)
    os.chmod(program, os.stat(program).st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def fits(filename):
    """Whether a wheel of this name runs on this machine."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    if sys.platform == "darwin":
        return "macosx" in filename and ("arm64" if machine == "aarch64" else "x86_64") in filename
    family = "musllinux" if platform.libc_ver()[0] != "glibc" else "manylinux"
    return family in filename and filename.endswith(machine + ".whl")


def find_python(uv):
    """A Python that Relode runs on: found on this machine, or a version number for uv to download."""
    found = output_of(uv, "python", "find", "--no-project", "--no-python-downloads", ">=%d.%d" % OLDEST_PYTHON)
    candidates = [found] if found else []
    candidates += filter(None, (shutil.which("python3.%d" % minor) for minor in range(14, OLDEST_PYTHON[1] - 1, -1)))
    candidates += sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python")), reverse=True)
    for python in candidates:
        if version(python, "Python") >= OLDEST_PYTHON:
            return python
    return PYTHON_TO_DOWNLOAD


def version(program, name):
    """The version a program says it has, as numbers; () if it does not run."""
    words = output_of(program, "--version").split()
    if len(words) < 2 or words[0] != name:
        return ()
    return tuple(int(part) for part in words[1].split(".")[:2])


def output_of(*command):
    """What a command prints; nothing if it does not run."""
    try:
        return subprocess.check_output(
            command, stderr=subprocess.DEVNULL, universal_newlines=True, timeout=60, cwd=PROJECT
        ).strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def read(name):
    """The text of a file, or None if there is none."""
    try:
        with open(name) as file:
            return file.read()
    except OSError:
        return None


def say(message):
    """Tell the user what takes so long."""
    sys.stderr.write("relode: " + message + "\n")


def fail(message):
    """End with an error the user can act on."""
    sys.exit("relode: " + message)


if __name__ == "__main__":
    if sys.version_info < (3, 8):
        fail("this Python is too old: 3.8 or later is needed to set up, and 3.12 or later to run.")
    main()
