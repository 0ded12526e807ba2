# SPDX-License-Identifier: Apache-2.0
"""The corner cases of RFC 8941 and RFC 9651, by category of the working group's test suite.

Each case is put into a dictionary, which is all that signatures need: an item as `a=<item>`, a list
as `a=(…)`. A case is the text and what is printed for it, or None where parsing must fail.
"""

import pytest

Cases = dict[str, str | None]

NUMBER: Cases = {
    "42": "42",
    "0": "0",
    "-0": "0",
    "--0": None,
    "-42": "-42",
    "042": "42",
    "-042": "-42",
    "00": "0",
    "-": None,
    "+1": None,
    "-a": None,
    "4 2": None,
    "- 42": None,
    "123456789012345": "123456789012345",
    "-123456789012345": "-123456789012345",
    "1234567890123456": None,
    "-1234567890123456": None,
    "0000000000000001": None,  # 16 digits, whatever their value
    "1.23": "1.23",
    "-1.23": "-1.23",
    "1.0": "1.0",
    "1.50": "1.5",
    "1.500": "1.5",
    "0.000": "0.0",
    "-0.0": "0.0",
    "-0.5": "-0.5",
    "00.5": "0.5",
    "1.": None,
    ".1": None,
    "1..5": None,
    "1.5.4": None,
    "1. 23": None,
    "1.1234": None,
    "123456789012.1": "123456789012.1",
    "1234567890123.0": None,
    "1e3": None,
    "1,000": None,
}
BOOLEAN: Cases = {
    "?1": "?1",
    "?0": "?0",
    "?": None,
    "?-1": None,
    "?T": None,
    "?10": None,
    "? 1": None,
    "??1": None,
}
STRING: Cases = {
    '"foo bar"': '"foo bar"',
    '""': '""',
    '"   "': '"   "',
    '"\\"\\\\"': '"\\"\\\\"',
    '"a;b=c, d)"': '"a;b=c, d)"',
    '"foo': None,
    '"': None,
    '"\\': None,
    '"\\"': None,
    '"\\x"': None,
    '"\t"': None,
    '"\x7f"': None,
    '"é"': None,
    '"a"b': None,
    "'a'": None,
}
TOKEN: Cases = {
    "foo_bar.baz": "foo_bar.baz",
    "FoO/BaR:*-~": "FoO/BaR:*-~",
    "*": "*",
    "*a!#$%&'*+.^_`|~:/0": "*a!#$%&'*+.^_`|~:/0",
    "a b": None,
    "!a": None,
    "/a": None,
    "a(b": None,
    "a@b": None,
}
BINARY: Cases = {
    ":aGVsbG8=:": ":aGVsbG8=:",
    "::": "::",
    ":/+Ah:": ":/+Ah:",
    ":aGVsbG8=": None,
    ":aGVsbG8= :": None,
    ":aGVsb G8=:": None,
    ":=aGVsbG8=:": None,
    ":aGVsbG8!:": None,
    ":_-Ah:": None,
    ":aGVsbG8:": None,  # the suite lets a parser choose: padding is absent
    ":iZ==:": None,  # likewise: spare bits
}
DATE: Cases = {
    "@1659578233": "@1659578233",
    "@-1659578233": "@-1659578233",
    "@0": "@0",
    "@-00": "@0",
    "@": None,
    "@1659578233.12": None,
    "@1.": None,
    "@a": None,
    "@1234567890123456": None,
}
DISPLAY: Cases = {
    '%"foo bar"': '%"foo bar"',
    '%""': '%""',
    '%"f%c3%bc%c3%bc"': '%"f%c3%bc%c3%bc"',
    '%"%e2%82%ac%f0%9f%98%80%ed%9f%bf%ee%80%80%f4%8f%bf%bf"': (
        '%"%e2%82%ac%f0%9f%98%80%ed%9f%bf%ee%80%80%f4%8f%bf%bf"'
    ),
    '%"%41%22%25%20%0a%7f"': '%"A%22%25 %0a%7f"',
    '%"%C3%BC"': None,
    '%"%c3"': None,
    '%"%c0%80"': None,
    '%"%ed%a0%80"': None,
    '%"%f4%90%80%80"': None,
    '%"%f5%80%80%80"': None,
    '%"%e0%80%80"': None,
    '%"%f0%80%80%80"': None,
    '%"%ff"': None,
    '%"%a"': None,
    '%"%"': None,
    '%"é"': None,
    '%"a': None,
    '%a"': None,
}
ITEM: Cases = {
    "": None,
    " 1": None,
    "1 ;b": None,
    "1;": None,
    "1; ": None,
    "1;b=": None,
    "1;B": None,
    "1;1": None,
    "1;b;c": "1;b;c",
    "1; b;   c=2": "1;b;c=2",
    "1;\tb": None,
    "1;b =2": None,
    "1;b= 2": None,
    "1;b=?1;c=?0": "1;b;c=?0",
    "1;b=00;c=1.0": "1;b=0;c=1.0",
    "1;*b-_.*9=x": "1;*b-_.*9=x",
    "1;b=(1)": None,
    "?1;b": "?1;b",
}
INNER_LIST: Cases = {
    "(1 42)": "(1 42)",
    "()": "()",
    "(  )": "()",
    "(  1   42  )": "(1 42)",
    '("a";x=?1  b; y=01);z': '("a";x b;y=1);z',
    "(?1 ?0;a)": "(?1 ?0;a)",
    "(a;b=1 ;c)": None,
    "(1\t2)": None,
    "(1,2)": None,
    '("a""b")': None,
    "(1 42": None,
    "(1": None,
    "(": None,
    "1)": None,
    "((1))": None,
    "() x": None,
}
CATEGORIES = {
    "number": NUMBER,
    "boolean": BOOLEAN,
    "string": STRING,
    "token": TOKEN,
    "binary": BINARY,
    "date": DATE,
    "display-string": DISPLAY,
    "item": ITEM,
    "listlist": INNER_LIST,
}
DICTIONARY: Cases = {
    "": "",
    "   ": "",
    'en="Applepie", da=:w4ZibGV0w6ZydGU=:': 'en="Applepie", da=:w4ZibGV0w6ZydGU=:',
    "a=1,b=2": "a=1, b=2",
    "  a=1 \t,\t b=2  ": "a=1, b=2",
    "a=1\t, b=2 \t": "a=1, b=2",
    "\ta=1": None,
    "a,b;x=?1 , c=?1;y": "a, b;x, c;y",
    "a=(1  2),b;x": "a=(1 2), b;x",
    "a=?0, b, c; foo=bar": "a=?0, b, c;foo=bar",
    "*a.b-c_9*=1": "*a.b-c_9*=1",
    "a=1,": None,
    "a=1, ": None,
    ",a=1": None,
    ",": None,
    "a=1,,b=2": None,
    "a=1 b=2": None,
    "a =1": None,
    "a= 1": None,
    "a=": None,
    "a=, b=1": None,
    "=1": None,
    "A=1": None,
    "aB=1": None,
    "0a=1": None,
    "-a=1": None,
    "_a=1": None,
    "a=1\u00a0": None,
    "a=1,\u3000b": None,
}
CASES = [
    *(
        pytest.param(f"a={text}", None if printed is None else f"a={printed}", id=f"{name}: {text}")
        for name, cases in CATEGORIES.items()
        for text, printed in cases.items()
    ),
    *(
        pytest.param(text, printed, id=f"dictionary: {text}")
        for text, printed in DICTIONARY.items()
    ),
]
