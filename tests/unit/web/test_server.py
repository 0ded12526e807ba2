# SPDX-License-Identifier: Apache-2.0
"""What a worker needs before it listens."""

import resource
from collections.abc import Iterator

import pytest

from gateway.web.connections import Limits
from gateway.web.listener import Listener
from gateway.web.server import fit_descriptors


@pytest.fixture
def descriptors() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_limit_of_descriptors_is_raised_as_far_as_needed(descriptors: None) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    assert fit_descriptors(Limits(max_connections=400)).max_connections == 400
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 464


def test_what_departments_may_hold_is_not_for_agencies(descriptors: None) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    limits = Limits(max_connections=400, department_connections=100)
    assert fit_descriptors(limits).max_connections == 400
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 564


def test_a_listener_keeps_its_place_until_it_is_closed() -> None:
    listener = Listener("127.0.0.1", 0)
    sock = listener.open()
    assert listener.open() is sock
    other = Listener(*sock.getsockname())
    assert other.open().getsockname() == sock.getsockname()
    listener.close()
    assert sock.fileno() == -1
    assert listener.open() is not sock
    listener.close()
    other.close()
