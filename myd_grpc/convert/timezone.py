"""The time zone in which days, months and years are counted."""

from zoneinfo import ZoneInfo

SEOUL = ZoneInfo("Asia/Seoul")
