"""The system calls that a worker may make, by their numbers on x86_64 and on aarch64 (Linux).

What is not named here is not there for a worker: sockets, other programs and processes, mounts,
namespaces, owners, links, keys, tracing, io_uring. `-` is a call that an architecture has not.
"""

from __future__ import annotations

_FREE = """
    read 0 63           write 1 64          readv 19 65         writev 20 66
    pread64 17 67       pwrite64 18 68      preadv 295 69       pwritev 296 70
    preadv2 327 286     pwritev2 328 287    lseek 8 62          getdents64 217 61
    close 3 57          close_range 436 436 dup 32 23           dup2 33 -
    dup3 292 24         open 2 -            openat 257 56       openat2 437 437
    access 21 -         faccessat 269 48    faccessat2 439 439  stat 4 -
    lstat 6 -           fstat 5 80          newfstatat 262 79   statx 332 291
    readlink 89 -       readlinkat 267 78   getcwd 79 17        statfs 137 43
    fstatfs 138 44      fsync 74 82         fdatasync 75 83     sync_file_range 277 84
    fallocate 285 47    ftruncate 77 46     fadvise64 221 223   copy_file_range 326 285
    sendfile 40 71      flock 73 32         fchmod 91 52        mkdir 83 -
    mkdirat 258 34      rmdir 84 -          unlink 87 -         unlinkat 263 35
    rename 82 -         renameat 264 38     renameat2 316 276   syncfs 306 267

    brk 12 214          mmap 9 222          munmap 11 215       mremap 25 216
    mprotect 10 226     madvise 28 233      mincore 27 232      membarrier 324 283

    futex 202 98        futex_waitv 449 449 set_robust_list 273 99  get_robust_list 274 100
    rseq 334 293        set_tid_address 218 96  sched_yield 24 124  sched_getaffinity 204 123
    getcpu 309 168      exit 60 93          exit_group 231 94   restart_syscall 219 128

    rt_sigaction 13 134 rt_sigprocmask 14 135   rt_sigreturn 15 139 rt_sigtimedwait 128 137
    sigaltstack 131 132

    clock_gettime 228 113   clock_getres 229 114    clock_nanosleep 230 115 nanosleep 35 101
    gettimeofday 96 169 time 201 -          times 100 153
    poll 7 -            ppoll 271 73        select 23 -         pselect6 270 72

    getpid 39 172       gettid 186 178      getppid 110 173     getuid 102 174
    geteuid 107 175     getgid 104 176      getegid 108 177     getrusage 98 165
    getrlimit 97 163    sysinfo 99 179      uname 63 160        getrandom 318 278
"""

_CHECKED = """
    clone 56 220        prlimit64 302 261   prctl 157 167       kill 62 129
    tgkill 234 131      fcntl 72 25         ioctl 16 29         setpriority 141 140
"""

_SANDBOX = """
    seccomp 317 277                 landlock_create_ruleset 444 444
    landlock_add_rule 445 445       landlock_restrict_self 446 446
"""

_COLUMNS = {"x86_64": 0, "aarch64": 1}


def _table(text: str, machine: str) -> dict[str, int]:
    words = text.split()
    numbers = words[1 + _COLUMNS[machine] :: 3]
    return {name: int(one) for name, one in zip(words[::3], numbers, strict=True) if one != "-"}


def free(machine: str) -> dict[str, int]:
    """The calls that are harmless with whatever arguments: the paths in them are Landlock's."""
    return _table(_FREE, machine)


def checked(machine: str) -> dict[str, int]:
    """The calls that are allowed with some arguments only."""
    return _table(_CHECKED, machine)


def sandbox(machine: str) -> dict[str, int]:
    """The calls that make the sandbox, which the C library has no functions for."""
    return _table(_SANDBOX, machine)


def known(machine: str) -> bool:
    """Whether the numbers of a machine's calls are here."""
    return machine in _COLUMNS
