"""Downloads of a report: the bytes that they always were, a few rows at a time, and never of two computations."""

from __future__ import annotations

import gzip
import hashlib
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import resolve
from django.utils import timezone
from rest_framework.test import APIRequestFactory, force_authenticate

from recycling.api import report_files
from recycling.models import EprEvidence, EprReport
from recycling.queries import report_proof
from recycling.queries.report_proof import CHUNK, content_hash, form_of, header, parts
from recycling.queries.reports import preamble
from tests.recycling.filing import declared, drafted, filed, shared_batch
from tests.recycling.test_report_doors import API, api
from tests.world import World, batteries_at

KINDS = ("csv", "json", "canonical")


@pytest.fixture
def report(world: World) -> EprReport:
    shared_batch(world)
    declared(world, "q1", jurisdiction=world.nv)
    return filed(world)


def content(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def plain(report: EprReport) -> bytes:
    """The JSON document as it is defined, read at once."""

    def text(value: Any) -> str:
        return json.dumps(value, default=report_proof.plain, ensure_ascii=False)

    kept = [
        f',"{name}":[' + ",\n".join(text(row) for row in getattr(report, name).order_by(*order).values(*fields)) + "]"
        for name, order, fields in form_of(report)
    ]
    order = [{"part": name, "fields": fields} for name, _order, fields in form_of(report)]
    first = f'{{"about":{text(preamble(report))},"header":{text(header(report))},"form":{text(order)}'
    return (first + "".join(kept) + "}\n").encode()


@pytest.mark.parametrize("chunk", [1, 3, 10, 20, CHUNK])
def test_a_file_is_the_same_in_chunks_of_any_size(
    world: World, report: EprReport, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(report_proof, "CHUNK", chunk)
    assert report.evidence.count() == 20
    producer = api(world, world.producer, "viewer")
    assert content(producer.get(f"{API}{report.pk}/download/json/")) == plain(report)
    canonical_file = content(producer.get(f"{API}{report.pk}/download/canonical/"))
    assert hashlib.sha256(canonical_file).hexdigest() == content_hash(report) == report.content_hash
    for name, order, fields in form_of(report):
        (chunks,) = [chunks for found, _fields, chunks in parts(report) if found == name]
        rows = getattr(report, name).order_by(*order).values_list(*fields)
        assert [row for rows in chunks for row in rows] == list(rows), name


def test_rows_are_read_a_chunk_at_a_time(report: EprReport, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each statement reads a chunk at most, and no cursor is held open between them."""
    monkeypatch.setattr(report_proof, "CHUNK", 8)
    with CaptureQueriesContext(connection) as queries:
        lengths = [len(rows) for name, _fields, chunks in parts(report) if name == "evidence" for rows in chunks]
    assert lengths == [8, 8, 4]
    reads = [query["sql"] for query in queries if "recycling_eprevidence" in query["sql"]]
    assert len(reads) == 3 and all(sql.endswith("LIMIT 8") for sql in reads)
    assert not any("CURSOR" in query["sql"] for query in queries)


@pytest.mark.parametrize("kind", ["json", "canonical"])
def test_memory_does_not_grow_with_the_evidence(world: World, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(report_proof, "CHUNK", 100)
    (pack,) = batteries_at(world, world.yard, 1, placed_in=world.nj)
    report = drafted(world)

    def peak(rows: int) -> int:
        known = report.evidence.count()
        EprEvidence.objects.bulk_create(
            EprEvidence(report=report, battery_id=pack.pk + number, fate="collected", occurred_on="2025-03-01")
            for number in range(known, rows)
        )
        download: Iterator[Any] = iter(getattr(report_files, f"as_{kind}")(report))
        tracemalloc.start()
        try:
            for _chunk in download:
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(200)  # what is kept for good
    assert peak(4000) < 1.5 * peak(400)
    report.evidence.all().delete()


@pytest.mark.parametrize("kind", KINDS)
def test_packed_for_who_accepts_it(world: World, report: EprReport, kind: str) -> None:
    producer, address = api(world, world.producer, "viewer"), f"{API}{report.pk}/download/{kind}/"
    packed = producer.get(address, headers={"Accept-Encoding": "gzip, br"})
    assert packed.streaming and packed["Content-Encoding"] == "gzip" and "Accept-Encoding" in packed["Vary"]
    as_it_is = producer.get(address)
    assert "Content-Encoding" not in as_it_is
    assert gzip.decompress(content(packed)) == content(as_it_is)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_read_for_who_asks_only_what_it_would_be(world: World, report: EprReport, kind: str) -> None:
    producer, address = api(world, world.producer, "viewer"), f"{API}{report.pk}/download/{kind}/"
    asked = APIRequestFactory().head(address)  # the test client would leave out what there is
    force_authenticate(asked, world.user(world.producer, "viewer"))
    view, arguments, named = resolve(address)
    with CaptureQueriesContext(connection) as queries:
        answer = view(asked, *arguments, **named)
        assert content(answer) == b""
    assert answer.status_code == 200 and answer["Content-Type"] == producer.get(address)["Content-Type"]
    assert not any("recycling_eprevidence" in query["sql"] for query in queries)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("happens", ["computed again", "deleted"])
def test_a_draft_that_changes_while_it_is_read_has_no_end(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str, happens: str
) -> None:
    """Rather than be of two computations: a program sees that the answer breaks off, and a person that it has no end."""
    monkeypatch.setattr(report_proof, "CHUNK", 8)
    shared_batch(world)
    draft = drafted(world)
    whole = content(getattr(report_files, f"as_{kind}")(draft))
    chunks = iter(getattr(report_files, f"as_{kind}")(draft))
    read = [next(chunks)]
    if happens == "deleted":
        EprReport.objects.get(pk=draft.pk).delete()
    else:
        EprReport.objects.filter(pk=draft.pk).update(computed_at=timezone.now())
    with pytest.raises(report_files.ComputedAgain):
        read.extend(chunks)
    assert len(b"".join(read)) < len(whole)
