# SPDX-License-Identifier: Apache-2.0
"""All checks. Importing this fills the table `gateway.conformance.check.CHECKS`."""

from gateway.conformance.checks import (  # noqa: F401 - each enters its checks
    answers,
    cancellation,
    concurrency,
    deadline,
    declaration,
    errors,
    identifiers,
    lifecycle,
    not_found,
    overhead,
    privacy,
    schema,
)
