"""Shutting this process in: for those that parse what an intruder may have written, and need nothing but bytes.

Limits and the loss of all privileges are had everywhere. Where the kernel has them, Landlock takes every file and port
away, and seccomp every system call but those that computing takes; ``missing`` says which of the two this kernel lacks.
There is no way back out.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import struct

LANDLOCK, SECCOMP = "Landlock", "seccomp"

_PR_SET_DUMPABLE, _PR_GET_SECCOMP, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 4, 21, 22, 38
_FILTER_MODE = 2
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446  # the same on every architecture
_LANDLOCK_VERSION = 1
_CAPABILITIES_3 = 0x20080522

_FILES = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF, 5: 0xFFFF}
"""By version of Landlock, every right to files that it knows (linux/landlock.h); later ones know no more."""
_PORTS = 0x3
"""To bind and to connect: from version 4 on."""
_SCOPES = 0x3
"""Abstract sockets and signals of others: from version 6 on."""

_X86_64 = {
    "read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11,
    "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "pread64": 17, "readv": 19, "writev": 20,
    "sched_yield": 24, "mremap": 25, "madvise": 28, "dup": 32, "getpid": 39, "sendto": 44, "recvfrom": 45,
    "sendmsg": 46, "recvmsg": 47, "exit": 60, "fcntl": 72, "getrusage": 98, "sigaltstack": 131, "gettid": 186,
    "futex": 202, "sched_getaffinity": 204, "restart_syscall": 219, "clock_gettime": 228, "exit_group": 231,
    "newfstatat": 262, "ppoll": 271, "prlimit64": 302, "getrandom": 318, "statx": 332,
}  # fmt: skip
_AARCH64 = {
    "fcntl": 25, "dup": 23, "close": 57, "lseek": 62, "read": 63, "write": 64, "readv": 65, "writev": 66,
    "pread64": 67, "ppoll": 73, "newfstatat": 79, "fstat": 80, "exit": 93, "exit_group": 94, "futex": 98,
    "clock_gettime": 113, "sched_getaffinity": 123, "sched_yield": 124, "restart_syscall": 128,
    "sigaltstack": 132, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "getrusage": 165,
    "getpid": 172, "gettid": 178, "sendto": 206, "recvfrom": 207, "sendmsg": 211, "recvmsg": 212, "brk": 214,
    "munmap": 215, "mremap": 216, "mmap": 222, "mprotect": 226, "madvise": 233, "prlimit64": 261, "getrandom": 278,
    "statx": 291,
}  # fmt: skip
_MACHINES = {"x86_64": (0xC000003E, 126, _X86_64), "aarch64": (0xC00000B7, 91, _AARCH64)}
"""By machine: its number for seccomp, that of the call ``capset``, and the calls that are allowed."""


def missing() -> tuple[str, ...]:
    """Which of Landlock and seccomp this kernel, or what runs around it, does not give. Changes nothing."""
    found = []
    if _landlock_version() < 1:
        found.append(LANDLOCK)
    if os.uname().machine not in _MACHINES or _libc().prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) < 0:
        found.append(SECCOMP)
    return tuple(found)


def shut_in(memory: int, files: int) -> None:
    """Let this process do nothing from now on but compute, read and write what is open, and take descriptors.

    ``memory``: bytes of address space; ``files``: open descriptors. Best effort, each for itself: what the kernel does
    not have is left out, and ``missing`` names it.
    """
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_NOFILE, files),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # a lower one is set already
            resource.setrlimit(what, (most, most))
    libc = _libc()
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    machine = _MACHINES.get(os.uname().machine)
    if machine is not None:  # an administrator's rights, too: there may be any number of them
        libc.syscall(machine[1], struct.pack("=II", _CAPABILITIES_3, 0), bytes(24))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        _no_files(libc)
        if machine is not None:
            _few_calls(libc, machine[0], sorted(machine[2].values()))


def limit_processor_time(seconds: int) -> None:
    """Let this process compute for so long from now on; then the system ends it with SIGXCPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    ends = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (ends, resource.RLIM_INFINITY))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _landlock_version() -> int:
    found: int = _libc().syscall(_LANDLOCK_CREATE, None, 0, _LANDLOCK_VERSION)
    return found


def _no_files(libc: ctypes.CDLL) -> None:
    version = _landlock_version()
    if version < 1:
        return
    rights = struct.pack("=Q", _FILES[min(version, 5)])
    rights += struct.pack("=Q", _PORTS) if version >= 4 else b""
    rights += struct.pack("=Q", _SCOPES) if version >= 6 else b""
    ruleset = libc.syscall(_LANDLOCK_CREATE, rights, len(rights), 0)
    if ruleset >= 0:
        libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0)
        os.close(ruleset)


def _few_calls(libc: ctypes.CDLL, architecture: int, allowed: list[int]) -> None:
    """A filter (linux/seccomp.h) that answers EPERM to every call that is not allowed, and ends what calls by another
    architecture's numbers."""
    load, jump_if_equal, answer = 0x20, 0x15, 0x06
    allow, refuse, kill = 0x7FFF0000, 0x00050001, 0x80000000
    program = [
        struct.pack("=HBBI", load, 0, 0, 4),  # the architecture
        struct.pack("=HBBI", jump_if_equal, 1, 0, architecture),
        struct.pack("=HBBI", answer, 0, 0, kill),
        struct.pack("=HBBI", load, 0, 0, 0),  # the call's number
    ]
    program += [
        struct.pack("=HBBI", jump_if_equal, len(allowed) - place, 0, number) for place, number in enumerate(allowed)
    ]
    program += [struct.pack("=HBBI", answer, 0, 0, refuse), struct.pack("=HBBI", answer, 0, 0, allow)]
    code = ctypes.create_string_buffer(b"".join(program))
    described = struct.pack("@HP", len(program), ctypes.addressof(code))
    libc.prctl(_PR_SET_SECCOMP, _FILTER_MODE, ctypes.c_char_p(described), 0, 0)
