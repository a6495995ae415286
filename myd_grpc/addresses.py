"""Addresses that are listened on: who can reach them."""

from __future__ import annotations

import ipaddress
import logging

logger = logging.getLogger(__name__)


def warn_if_open(address: str) -> None:
    """Log a warning when others than this host can reach `address`, a host:port.

    Nothing on it is encrypted, and whoever calls is served.
    """
    if not _is_loopback(address.rpartition(":")[0]):
        logger.warning("%s is reachable from other hosts, and is not encrypted", address)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
