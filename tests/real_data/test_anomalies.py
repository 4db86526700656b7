"""The streaming detector on labelled series of machines, traffic and advertising."""

import csv
import gzip
import importlib.util
import sys
from datetime import datetime

import pytest

from prisma_assets.domain.monitoring.anomaly import AnomalyDetector

pytestmark = [pytest.mark.real_data, pytest.mark.slow]

NAMES = (
    "artificialNoAnomaly/art_flatline.csv",
    "artificialWithAnomaly/art_daily_jumpsup.csv",
    "realAWSCloudwatch/ec2_network_in_257a54.csv",
    "realAWSCloudwatch/rds_cpu_utilization_cc0c53.csv",
    "realAdExchange/exchange-3_cpc_results.csv",
    "realKnownCause/ec2_request_latency_system_failure.csv",
    "realTraffic/speed_7578.csv",
    "realTraffic/speed_t4013.csv",
)
"""One or two of each kind, short ones: some 25,000 values in all."""
BAR = 60.0
"""Three standard errors (some six points each) under the 79 it reached; a silent detector has 0."""


@pytest.fixture(scope="module")
def nab(shared_data):
    """The scoring tool beside the data."""
    tool = shared_data.parent / "tools" / "nab_score.py"
    if not tool.is_file():
        pytest.skip(f"no scoring tool at {tool}")
    spec = importlib.util.spec_from_file_location("nab_score", tool)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["nab_score"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def alarms(path) -> list[float]:
    detector = AnomalyDetector()
    with gzip.open(path, "rt", encoding="utf-8") as text:
        return [
            float(detector.update(datetime.fromisoformat(row["timestamp"]), float(row["value"])).is_anomaly)
            for row in csv.DictReader(text)
        ]  # fmt: skip


def test_labelled_anomalies_are_found_with_few_false_alarms(nab, shared_data):
    folder = shared_data / "anomalies" / "nab"

    found = {name: alarms(folder / f"{name}.gz") for name in NAMES}

    assert sum(found["artificialNoAnomaly/art_flatline.csv"]) == 0
    assert nab.score(found, 0.5, NAMES)["standard"][0] >= BAR
