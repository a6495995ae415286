"""Addresses that are listened on: who can reach them."""

from __future__ import annotations

import ipaddress
import logging

logger = logging.getLogger(__name__)


def warn_if_open(address: str) -> None:
    """Log a warning when others than this host can reach `address`, where nothing is encrypted."""
    if not is_loopback(address):
        logger.warning("%s is reachable from other hosts, and is not encrypted", address)


def is_loopback(address: str) -> bool:
    """Whether only this host can reach `address`, a host:port.

    Of names, that is certain of localhost alone: others lead where a name server says.
    """
    host = address.rpartition(":")[0]
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
