"""What somebody who trusts nobody does with the JSON of a filed report: rebuild its hash, and add its figures up.

Written from docs/canonical-form.md alone. It imports nothing of the project, and runs with any Python: `python stranger.py FILE`.
"""

import hashlib
import json
import sys
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

STEP = Decimal("0.000000001")


def rebuilt(report):
    """The SHA-256 of the canonical form: a line of the header, then a line for each row of each part."""
    digest = hashlib.sha256()

    def line(values):
        text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        digest.update(text.encode() + b"\n")

    line(["header", report["header"]])
    for part in report["form"]:
        for row in report[part["part"]]:
            line([part["part"], *(row[field] for field in part["fields"])])
    return digest.hexdigest()


def rounded(number):
    return number.quantize(STEP, rounding=ROUND_HALF_EVEN)


def figures(report):
    """What the lines say: totals by metric, and below them by metric and chemistry."""
    found = {}
    for line in report["lines"]:
        if line["breakdown"] in ("", "chemistry") and line["value"] is not None:
            below = f"/{line['chemistry_id'] or 'unknown'}" if line["breakdown"] else ""
            key = line["metric"] + below
            found[key] = found.get(key, Decimal(0)) + Decimal(line["value"])
    return found


def sums(report):
    """The same, from the evidence: kilograms collected and charged, and what of these was recovered, or is pending."""
    collected = charged = Decimal(0)
    became, by_chemistry = {}, {}
    shares = {}
    for row in report["outcomes"]:
        if row["element"] == "":
            shares.setdefault(row["batch_id"], []).append((row["became"], row["country"], Decimal(row["share"])))
    groups = {}
    for row in report["evidence"]:
        if row["fate"] == "collected" and row["mass_kg"] is not None:
            collected += Decimal(row["mass_kg"])
        if row["fate"] == "recycled":
            charged += Decimal(row["mass_kg"])
            below = f"mass_charged/{row['chemistry_id'] or 'unknown'}"
            by_chemistry[below] = by_chemistry.get(below, Decimal(0)) + Decimal(row["mass_kg"])
            for kind, country, share in shares[row["batch_id"]]:
                key = (row["family"], row["chemistry_id"], row["method"], kind, country)
                groups[key] = groups.get(key, Decimal(0)) + Decimal(row["mass_kg"]) * share
    for key, kg in groups.items():
        became[key[3]] = became.get(key[3], Decimal(0)) + rounded(kg)
    recovered = became.get("substitutes", Decimal(0)) + became.get("converted", Decimal(0))
    return {
        "units_charged": Decimal(sum(row["fate"] == "recycled" for row in report["evidence"])),
        "mass_collected": rounded(collected),
        "mass_charged": rounded(charged),
        "mass_recycled": recovered,
        "mass_pending": became.get("pending", Decimal(0)),
        **{key: rounded(kg) for key, kg in by_chemistry.items()},
    }


def main(path):
    report = json.loads(Path(path).read_text(encoding="utf-8"))
    filed, own = report["about"]["content_hash_sha256"], rebuilt(report)
    print("hash", own, "agrees" if own == filed else f"DIFFERS from {filed}")
    if report["outcomes"]:
        said = figures(report)
        for metric, number in sums(report).items():
            if metric in said:
                print(metric, number, "agrees" if number == said[metric] else f"DIFFERS from {said[metric]}")


main(sys.argv[1])
