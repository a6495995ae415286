"""One document, and the files of the set that it gives."""

from __future__ import annotations

EXAMPLE = (
    '[{"id":"u1","name":"홍길동","amt":11000.000,"bank":{"org":"01","acc":[{"no":"001",'
    '"tr":[{"a":1},{"a":2,"memo":""}]}]},"tags":["x","y"]},{"id":"u2","late":null}]'
)
"""A document with lists in lists, texts that need quotes, and what is empty or missing."""

EXAMPLE_FILES = {
    "out_1.csv": (
        "_record_id,_row_id,id,name,amt,bank.org,tags,late\n"
        'u1,f1r1,u1,홍길동,11000.000,01,"[""x"",""y""]",\n'
        "u2,f1r2,u2,,,,,\n"
    ),
    "out.bank.acc_1.csv": "_record_id,_row_id,_parent_row_id,no\nu1,f1r1.1,f1r1,001\n",
    "out.bank.acc.tr_1.csv": (
        '_record_id,_row_id,_parent_row_id,a,memo\nu1,f1r1.1.1,f1r1.1,1,\nu1,f1r1.1.2,f1r1.1,2,""\n'
    ),
}
