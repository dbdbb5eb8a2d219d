#!/usr/bin/env python3
"""Shows that lightsout does its work within what collector/lightsout.service allows it.

systemd's own checks of the file, with a limit to what it leaves open; then the demonstration, which polls, buffers and
forwards, under the system calls that the file allows; and the question to the kernel that all dates hang on, under the
same. What else the file takes away (files, users, namespaces) needs a running systemd and is not tried.

    tests/service.py [--programs FOLDER]
"""

import argparse
import ctypes
import errno
import os
import pathlib
import re
import select
import socket
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SERVICE = ROOT / "collector/lightsout.service"
PROGRAM = "/usr/local/bin/lightsout"
# Most that systemd-analyze may say of it, in tenths: 0 is shut, 100 is open.
EXPOSURE = 20
ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.EPERM
DEMO = "30s"


def expand(name):
    """The system calls of a group of systemd's, or the one of this name."""
    if not name.startswith("@"):
        return {name}
    said = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True)
    inner = [line.strip() for line in said.stdout.splitlines()[1:]]
    return set().union(*(expand(each) for each in inner if each and not each.startswith("#")))


def allowed(text):
    """The system calls that the file allows: each line adds, or takes away with a tilde."""
    calls = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", text, re.MULTILINE):
        named = set().union(*(expand(name) for name in line.lstrip("~").split()))
        calls = calls - named if line.startswith("~") else calls | named
    return calls


def confine(calls):
    """Refuses this process, and what it becomes, every other system call."""
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(REFUSE)))
    for name in calls:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            failed = library.seccomp_rule_add(context, ctypes.c_uint32(ALLOW), number, ctypes.c_uint(0))
            assert not failed, f"{name}: {os.strerror(-failed)}"
    failed = library.seccomp_load(context)
    assert not failed, f"seccomp: {os.strerror(-failed)}"


def check_file(text, program):
    # A pole looks at its devices while its link is down.
    assert not re.search("^(After|Requires|BindsTo)=.*(network-online|time-sync)", text, re.MULTILINE), "waits for the link"
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / SERVICE.name
        file.write_text(text.replace(PROGRAM, str(program)))
        verify = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True)
        ours = [line for line in verify.stderr.splitlines() if SERVICE.name in line]
        assert verify.returncode == 0 and not ours, f"systemd-analyze verify:\n{verify.stderr}"
        security = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", file]
        security = subprocess.run(security, capture_output=True, text=True)
        said = (security.stdout + security.stderr).strip().splitlines()[-1:]
        assert security.returncode == 0, f"systemd-analyze security: {said}"
        print(*said)


def check_clock(calls):
    """Whether the kernel may be asked: a child asks, as the program does."""
    ask = "import ctypes; room = ctypes.create_string_buffer(512); print(ctypes.CDLL(None).adjtimex(room))"
    said = subprocess.run([sys.executable, "-c", ask], preexec_fn=lambda: confine(calls), capture_output=True, text=True)
    assert said.returncode == 0 and int(said.stdout) >= 0, f"the kernel's clock may not be asked: {said.stdout}{said.stderr}"


def check_demo(program, calls, notified):
    command = [program, "demo", "--for", DEMO, "--listen", "127.0.0.1:0"]
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"{folder}/notify")
        manager.setblocking(False)
        environment = {**os.environ, "NOTIFY_SOCKET": manager.getsockname()}
        confined = lambda: confine(calls)
        demo = subprocess.run(command, preexec_fn=confined, env=environment, capture_output=True, text=True)
        told = manager.recv(64) if select.select([manager], [], [], 0)[0] else b""
    # Or systemd would wait in vain, and begin again.
    assert not notified or told == b"READY=1", f"systemd was told {told}:\n{demo.stderr}"
    assert demo.returncode == 0 and "(14 up," in demo.stdout, f"demo, {demo.returncode}:\n{demo.stdout}{demo.stderr}"
    refused = [line for line in demo.stderr.splitlines() if os.strerror(errno.EPERM) in line]
    assert not refused, "\n".join(refused)
    print(next(line for line in demo.stdout.splitlines() if line.startswith("devices:")))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "target/release")
    program = parser.parse_args().programs.resolve() / "lightsout"
    text = SERVICE.read_text()
    check_file(text, program)
    calls = allowed(text)
    check_clock(calls)
    check_demo(program, calls, notified="Type=notify" in text.splitlines())
    print(f"lightsout works with {len(calls)} system calls")


if __name__ == "__main__":
    main()
