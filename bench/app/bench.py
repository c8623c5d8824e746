"""What the payment service costs: its import, its own work per request, its package.

    python bench/app/bench.py [--json FILE]

Run it from the repository's root, where the `app` group is installed. The import is a ratio to that of
Powertools' own resolver, in turns in the same run. Exit status 1 if anything is over its limit.
"""

import argparse
import io
import json
import logging
import os
import statistics
import subprocess
import sys
import time
import zipfile
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
ROUNDS = 15
REQUESTS = 500
LIMITS = {"import_ratio": 1.5, "request_ms": 2.0, "package_deflated_mb": 3.0, "package_stored_mb": 8.0}
# What the Lambda package holds besides our own code (requirements/app.txt).
DEPENDENCIES = ("aws_lambda_powertools", "fastjsonschema", "jmespath", "typing_extensions")
ENVIRONMENT = {
    "ENVIRONMENT": "dev",
    "ENVIRONMENT_SUFFIX": "dev",
    "RELEASE": "unreleased",
    "TRANSACTIONS_TABLE": "t",
    "TRANSACTION_LOG_BUCKET": "l",
    "RECEIPTS_BUCKET": "r",
    "CUSTOMER_INDEX": "customer-index",
    "DATE_INDEX": "date-index",
    "PAYMENT_PROVIDER": "sandbox",
    "PAYMENT_PROVIDER_SECRET": "s",
    "MAX_AMOUNT_MINOR": "1000000",
    "RECEIPT_RETENTION_DAYS": "90",
    "POWERTOOLS_SERVICE_NAME": "payments",
    "POWERTOOLS_METRICS_NAMESPACE": "Tollgate/Payments",
}


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    result = {**imports(), **requests(), **package()}
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for name, value in result.items():
        limit = f"  (at most {LIMITS[name]})" if name in LIMITS else ""
        print(f"{name:28} {value}{limit}")
    return int(any(result[name] > limit for name, limit in LIMITS.items()))


def imports() -> dict[str, float]:
    """Importing our handler beside importing Powertools' resolver, each in processes of its own, in turns."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        theirs.append(
            import_seconds("from aws_lambda_powertools.event_handler import APIGatewayRestResolver")
        )
        ours.append(import_seconds("import payments.entrypoints.api"))
    handler, resolver = statistics.median(ours), statistics.median(theirs)
    return {
        "import_handler_ms": round(handler * 1e3, 1),
        "import_resolver_ms": round(resolver * 1e3, 1),
        "import_ratio": round(handler / resolver, 2),
    }


def import_seconds(statement: str) -> float:
    """How long a statement takes in a new interpreter, without the interpreter's own start."""
    program = f"import time; begun = time.perf_counter(); {statement}; print(time.perf_counter() - begun)"
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": str(ROOT / "app")}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    return float(ran.stdout)


def requests() -> dict[str, float]:
    """The handler's own work: the whole way of a request, with everything outside in memory."""
    sys.path[:0] = [str(ROOT), str(ROOT / "app")]
    os.environ.update(ENVIRONMENT)
    from tests.unit.payments.http import LAMBDA_CONTEXT, PAYMENT, Api, request_event  # noqa: PLC0415 - needs the path

    with redirect_stdout(io.StringIO()):  # what Lambda would send to its log
        handler = Api().handler
        logging.getLogger("payments").propagate = False

        def median_ms(events: list[dict[str, Any]]) -> float:
            times = []
            for event in events:
                begun = time.perf_counter()
                answer = handler(event, LAMBDA_CONTEXT)
                times.append(time.perf_counter() - begun)
                assert answer["statusCode"] < 300, answer
            return round(statistics.median(times) * 1e3, 3)

        create = median_ms(
            [request_event("POST", "/payments", body=PAYMENT, key=f"k{number}") for number in range(REQUESTS)]
        )
        made = json.loads(
            handler(request_event("POST", "/payments", body=PAYMENT, key="k0"), LAMBDA_CONTEXT)["body"]
        )
        read = median_ms([request_event("GET", f"/payments/{made['id']}")] * REQUESTS)
        health = median_ms([request_event("GET", "/health")] * REQUESTS)
    return {
        "create_ms": create,
        "read_ms": read,
        "health_ms": health,
        "request_ms": max(create, read, health),
    }


def package() -> dict[str, float]:
    """Our code and its dependencies, as the Lambda package holds them."""
    files = [*(ROOT / "app" / "payments").rglob("*.py")]
    for name in DEPENDENCIES:
        found = find_spec(name)
        assert found is not None, f"{name} is not installed"
        assert found.origin is not None, f"{name} has no files"
        origin = Path(found.origin)
        files += origin.parent.rglob("*") if origin.name == "__init__.py" else [origin]
    kept = [path for path in files if path.is_file() and "__pycache__" not in path.parts]
    assert not [path for path in kept if path.suffix in {".so", ".pyd"}], "a dependency is compiled"

    def size(compression: int) -> float:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", compression) as archive:
            for number, path in enumerate(sorted(kept)):
                archive.writestr(f"{number}/{path.name}", path.read_bytes())
        return round(len(content.getvalue()) / 1e6, 2)

    return {
        "package_deflated_mb": size(zipfile.ZIP_DEFLATED),
        "package_stored_mb": size(zipfile.ZIP_STORED),
    }


if __name__ == "__main__":
    sys.exit(main())
