# SPDX-License-Identifier: Apache-2.0
"""A good adapter passes every check that can be made of it, whatever its department speaks."""

from pathlib import Path

import pytest

from gateway.conformance import AdapterContract, Subject
from tests.integration.conformance.desk import FileDesk, SoapDesk, desk_subject, file_subject


class TestDesk(AdapterContract):
    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, desk_port: int) -> Subject:
        return desk_subject(desk_port)


class TestSoapDesk(AdapterContract):
    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, desk_port: int) -> Subject:
        return desk_subject(desk_port, SoapDesk)


class TestFileDesk(AdapterContract):
    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, notes_file: Path) -> Subject:
        return file_subject(notes_file, FileDesk)
