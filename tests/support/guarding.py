"""Texts that EXCEL_SAFE guards, others that it does not, and what both may be made of."""

# ruff: noqa: RUF001 - characters that look like others are tried here

from __future__ import annotations

# Examples, with a bar between them.
GUARDED = (
    # what is run
    "=1+1|+82 10-1234-5678|-|-5|@SUM(A1)|\ta|\ra|＝1|－1|＋1|＠a|"
    # truth values
    "true|FALSE|tRue|"
    # numbers
    "00|007|00.5|123456789012|1234567.8901|.12345678901|12345678901.|1e5|12E3|1.5e-3|.5e1|5.E+2|"
    # dates
    "1-2|1/2|2023-01-02|2023.01.02|2023. 1. 2.|1.2.23|12/2023|1 - 2|"
    "Jan 1|1-Jan|MARCH1|sept-2|2 January 2023|Monday, May 1, 2023|2023-Jan-02|jAN1|"
    "December 2023.|2023년 1월 2일|1월2일|2023年1月|2023-01-02 12:30|2023-01-02T12:30:45Z|"
    "12:30 1/2/2023|"
    # times
    "12:30|16:9|12:30:45.5|1:05 pm|3PM|3 a|오전 3시|오후3:05|3시 30분|12:|PM 1:05|2오전|"
    # fractions
    "3/4|1 3/4|100/200"
).split("|")
PLAIN = (
    "|a|한글|a=1|1+1|x-1|_|'=1|\"=1|null|truest|truth|0|7|12345678901|0.5|10.25|1234567.891|"
    "20230102|20230102T1|110-123-456789|010-1234-5678|02-123-4567|123-45-67890|1-2-3-4|10.0.0.1|"
    "12월|3년|30분|May|March madness|Jan|monday|1,000원|5K|1e|e5|2023 01 02|Q1 2023|오전|"
    "오늘 3시|am|1:2:3:4|1/2/3/4| |[1-2]|2023.1"
).split("|")
AS_WITH_EXCEL = (
    "0.50|1.0|.5|5.| 7|7 | 007|\u00a07|１２|00７|1 e 5|1,234|1,234.50|1,2,3|5%|5 %|$5|₩1,000|"
    "￦1,000|5€|(5)|5-|5+|$ -5| =1+1|\n=1|\u3000-1| True|ｔｒｕｅ|１－２| 1-2|12:30 |３/４"
).split("|")
"""Texts that are left as with EXCEL, though it shows a number, a date or a truth value."""
PIECES = (
    "0|1|2|3|4|5|6|7|8|9|-|+|/|.|:|,|%|$|(|)| |\t|\n|\r|e|x|=|@|'|\"|한|12|2023|am|PM|a|t|z|오전|"
    "년|월|일|시|분|초|年|时|Jan|Ｊan|maｙ|SEPT|December|mon|Thursday|true|tＲue|False|１|：|ａ|－|"
    "\u3000|\u00a0|\u2007|￦|€|￡|￥|₩|😀"
).split("|")
