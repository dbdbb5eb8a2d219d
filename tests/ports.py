"""Ports of 127.0.0.1 that nobody listens on: as mocks/src/ports.rs reserves them, which says why."""

import os
import socket

FIRST, COUNT, STRIDE = 20_000, 12_000, 64
# What is claimed stays so until this process ends.
claims = []


def free_port():
    start = os.getpid() * STRIDE % COUNT
    ports = (FIRST + (start + offset) % COUNT for offset in range(COUNT))
    return next(port for port in ports if claim(port) and is_free(port))


def claim(port):
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0lightsout-port-{port}")
    except OSError:
        name.close()
        return False
    claims.append(name)
    return True


def is_free(port):
    """Whether nobody who claims nothing has it."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
