# SPDX-License-Identifier: Apache-2.0
"""The conformance kit 一致性检查: tests to inherit, and what `yizheng adapter check` runs.

An adapter's tests need three names: `AdapterContract`, `Subject` and `subject_of`. Each check has a
stable id; docs/reference/conformance.md lists them, docs/how-to/check-an-adapter.md shows how to
use the kit.
"""

from gateway.conformance.contract import AdapterContract
from gateway.conformance.manifest import subject_of
from gateway.conformance.run import Result, run_all, run_check
from gateway.conformance.subject import Department, Sample, Subject

__all__ = [
    "AdapterContract",
    "Department",
    "Result",
    "Sample",
    "Subject",
    "run_all",
    "run_check",
    "subject_of",
]
