# SPDX-License-Identifier: Apache-2.0
"""A registry's database to try the adapter with: a real PostgreSQL over synthetic titles."""

import argparse
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from gateway.sdk.kits.simulator import read_records
from gateway.sdk.kits.simulator_postgres import READER, Table, run_postgres
from gateway_adapter_real_estate.title import ORIGINS, TITLE

_SCHEMA: Final = f"""
DROP TABLE IF EXISTS public.bdc_fdcq;
CREATE TABLE public.bdc_fdcq (
    qlrzjh   VARCHAR(20) NOT NULL,   -- 权利人证件号
    qlr      VARCHAR(120) NOT NULL,  -- 权利人
    gyfe     VARCHAR(20) NOT NULL,   -- 份额
    bdcdyh   CHAR(28) NOT NULL,      -- 不动产单元号
    bdcqzh   VARCHAR(60) NOT NULL,   -- 不动产权证号
    fdzl     VARCHAR(255) NOT NULL,  -- 坐落
    gyfs     VARCHAR(12) NOT NULL,   -- 共有方式
    qllx     VARCHAR(60) NOT NULL,   -- 权利类型
    ghyt     VARCHAR(60) NOT NULL,   -- 规划用途
    fwjg     VARCHAR(60) NOT NULL,   -- 房屋结构
    jzmj     NUMERIC(10,2) NOT NULL, -- 建筑面积
    zyjzmj   NUMERIC(10,2) NOT NULL, -- 套内面积
    ftjzmj   NUMERIC(10,2) NOT NULL, -- 分摊面积
    jgsj     DATE,                   -- 竣工时间
    tdsyqx_q DATE,                   -- 土地使用期起
    tdsyqx_z DATE,                   -- 土地使用期止
    fdcjyjg  NUMERIC(18,2),          -- 交易价格
    djsj     DATE NOT NULL,          -- 登记时间
    sfdy     BOOLEAN NOT NULL,       -- 是否抵押
    sfcf     BOOLEAN NOT NULL,       -- 是否查封
    qszt     VARCHAR(12) NOT NULL    -- 权属状态
);
CREATE INDEX ON public.bdc_fdcq (qlrzjh);
GRANT SELECT ON public.bdc_fdcq TO {READER};
"""
_FIELDS: Final = tuple(f for f in TITLE.fields if f.name != "title_count")


def _rows(records: tuple[dict[str, Any], ...]) -> Iterator[tuple[object, ...]]:
    for record in records:
        yield tuple(_column(record[field.name], field.type) for field in _FIELDS)


def _column(value: Any, kind: str) -> object:
    if value is None:
        return None
    match kind:
        case "date":
            return date.fromisoformat(value)
        case "decimal":
            return Decimal(value)
        case _:
            return value


def main() -> None:
    """`python -m gateway_adapter_real_estate.simulator`."""
    parser = argparse.ArgumentParser(description="A simulated real estate registry.")
    parser.add_argument("--records", type=Path, required=True, help="JSON array of titles")
    parser.add_argument("--folder", type=Path, required=True, help="for the database; short path")
    given = parser.parse_args()
    columns = tuple(ORIGINS[field.name].source for field in _FIELDS)
    table = Table("public", "bdc_fdcq", columns, _rows(read_records(given.records)))
    run_postgres(given.folder, _SCHEMA, [table])


if __name__ == "__main__":
    main()
