"""Reading a CSV file that somebody else made: plain, gzip or xz, line by line, trusting nothing about it.

Whatever is wrong with the file as a whole is a `BadFile` that names the line. What is wrong with one row is left to
whoever reads the rows.
"""

from __future__ import annotations

import csv
import gzip
import io
import lzma
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.errors import Invalid

#: One line of a file, and one field of it.
MAX_LINE = 1024 * 1024
MAX_FIELD = 128 * 1024
#: The columns of a sheet, and the empty lines among its rows.
MAX_COLUMNS = 1000
MAX_EMPTY_LINES = 100_000
#: After so many lines the clock is looked at.
_LOOK = 10_000
#: What unpacking xz may use: the largest preset (-9) needs 65 MiB.
XZ_MEMORY = 128 * 1024**2

csv.field_size_limit(MAX_FIELD)


class BadFile(Invalid):
    """A file that cannot be imported at all. `line` is where, counted from 1; 0 where no line is to blame."""

    code = "bad_file"

    def __init__(self, message: str, *, line: int = 0, column: str = "", value: str = "") -> None:
        super().__init__(
            message if not line else _("Line %(line)d: %(fault)s") % {"line": line, "fault": message}, field="file"
        )
        self.line = line
        self.fault = message
        self.column = column
        self.value = value


@dataclass
class Gauge:
    """How much of a file has been read: of the packed bytes, since what they unpack to is not known before."""

    source: IO[bytes]
    size: int

    @property
    def share(self) -> float:
        try:
            return min(1.0, self.source.tell() / self.size) if self.size else 1.0
        except ValueError:  # closed: all read
            return 1.0


def gauge(source: IO[bytes]) -> Gauge:
    source.seek(0, io.SEEK_END)
    size = source.tell()
    source.seek(0)
    return Gauge(source, size)


class _Xz(io.RawIOBase):
    """Unpacks xz with a limit on memory, which `lzma.open` does not offer: a header may ask for 4 GiB."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        while True:
            if self._decoder.eof:  # streams may follow one another, with padding of zeros between
                self._rest = (self._decoder.unused_data or self._source.read(65536)).lstrip(b"\0")
                if not self._rest:
                    return 0
                self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
            elif self._decoder.needs_input:
                self._rest = self._source.read(65536)
                if not self._rest:
                    raise EOFError
            data = self._decoder.decompress(self._rest, len(buffer))
            self._rest = b""
            if data:
                buffer[: len(data)] = data
                return len(data)


def unpack(source: IO[bytes]) -> IO[bytes]:
    """The bytes of a file, unpacked if its first bytes say that it is packed."""
    magic = source.read(6)
    source.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return io.BufferedReader(gzip.GzipFile(fileobj=source), 1024 * 1024)  # type: ignore[type-var, return-value]
    if magic == b"\xfd7zXZ\0":
        return io.BufferedReader(_Xz(source), 1024 * 1024)  # type: ignore[return-value]
    if magic.startswith(b"PK\x03\x04"):
        raise BadFile(
            _("This is a spreadsheet or a zip archive. Save the sheet as CSV (UTF-8), packed by gzip or xz at most.")
        )
    if magic.startswith(b"BZh"):
        raise BadFile(_("Files packed by bzip2 are not read. Pack by gzip or xz, or not at all."))
    if magic.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadFile(_("This file is UTF-16. Save it as UTF-8."), line=1)
    return source


class Sheet:
    """The header and the rows of a CSV file. Iterating gives the line on which a row starts, and its fields."""

    def __init__(self, source: IO[bytes]) -> None:
        self._until = time.monotonic() + settings.IMPORT_MOST_SECONDS
        self._line = self._empty = 0
        self._reader = csv.reader(self._lines(source), strict=True)
        self.header = self._read_header()

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        while True:
            start = self._reader.line_num + 1
            row = self._next()
            if row is None:
                return
            if row:
                yield start, row

    def _read_header(self) -> list[str]:
        row: list[str] | None = []
        while row == []:
            row = self._next()
        if row is None:
            raise BadFile(_("The file is empty."))
        if len(row) > MAX_COLUMNS:
            raise BadFile(_("More than %(number)s columns.") % {"number": f"{MAX_COLUMNS:,}"}, line=1)
        header = [name.strip().lower() for name in row]
        if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
            raise BadFile(_("Columns must be separated by commas."), line=1, value=row[0][:200])
        return header

    def _next(self) -> list[str] | None:
        try:
            return next(self._reader, None)
        except csv.Error as error:
            raise BadFile(_("This is not CSV: %(error)s.") % {"error": error}, line=self._line) from error

    def _lines(self, source: IO[bytes]) -> Iterator[str]:
        total = 0
        try:
            read = unpack(source).readline
            while raw := read(MAX_LINE + 1):
                self._line += 1
                total += len(raw)
                if len(raw) > MAX_LINE:
                    raise BadFile(
                        _("A line is longer than %(size)s bytes.") % {"size": f"{MAX_LINE:,}"}, line=self._line
                    )
                self._empty += not raw.strip()
                self._check(total)
                yield raw.decode("utf-8-sig" if self._line == 1 else "utf-8")
        except UnicodeDecodeError as error:
            column = error.start + 1
            raise BadFile(
                _("Byte %(column)d is not UTF-8. Save the file as “CSV UTF-8”.") % {"column": column},
                line=self._line,
                value=repr(error.object[max(0, error.start - 20) : error.start + 20]),
            ) from error
        except EOFError as error:
            raise BadFile(_("The packed file is cut off. Send it again."), line=self._line) from error
        except (OSError, zlib.error, lzma.LZMAError) as error:
            raise BadFile(_("The packed file is damaged: %(error)s.") % {"error": error}, line=self._line) from error

    def _check(self, total: int) -> None:
        """Refuse a file that comes to more than files may."""
        for found, most, fault in (
            (total, settings.IMPORT_MOST_BYTES, _("The file unpacks to more than %(most)s bytes.")),
            (self._line, settings.IMPORT_MOST_LINES, _("More than %(most)s lines. Split the file.")),
            (self._empty, MAX_EMPTY_LINES, _("More than %(most)s empty lines.")),
        ):
            if found > most:
                raise BadFile(fault % {"most": f"{most:,}"}, line=self._line)
        if not self._line % _LOOK and time.monotonic() > self._until:
            raise BadFile(
                _("Reading took more than %(most)s seconds. Split the file.")
                % {"most": f"{settings.IMPORT_MOST_SECONDS:,}"},
                line=self._line,
            )


def check_header(
    header: Sequence[str], required: Sequence[str], optional: Sequence[str], *, others: bool = False
) -> None:
    """Raise `BadFile` naming every column that is missing, doubled or, unless `others` may be there, unknown."""
    times, known = Counter(header), {*required, *optional}
    doubled = sorted(name for name, number in times.items() if number > 1)
    missing = [name for name in required if name not in times]
    unknown = [name for name in times if name not in known] if not others else []
    faults = []
    if missing:
        faults.append(_("Missing columns: %(names)s.") % {"names": ", ".join(missing)})
    if doubled:
        faults.append(_("Columns that stand there twice: %(names)s.") % {"names": ", ".join(doubled)})
    if unknown:
        faults.append(
            _("Unknown columns: %(names)s. Known are: %(known)s.")
            % {"names": ", ".join(name or "“”" for name in unknown), "known": ", ".join((*required, *optional))}
        )
    if faults:
        raise BadFile(" ".join(faults), line=1, value=",".join(header)[:200])
