"""Becomes the process of a container. Runs in mount and process namespaces of its own, as root, until it is not."""

import ctypes
import json
import os
import subprocess
import sys

PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def set_up(spec: dict) -> None:
    root = spec["root"]
    mount("--make-rprivate", "/")
    mount("--bind", root, root)
    mount("-t", "proc", "proc", f"{root}/proc")
    mount("-t", "tmpfs", "-o", "size=64k,mode=755", "dev", f"{root}/dev")
    for device in ("null", "zero", "random", "urandom"):
        open(f"{root}/dev/{device}", "w").close()
        mount("--bind", f"/dev/{device}", f"{root}/dev/{device}")
    for source, target in spec["volumes"]:
        mount("--bind", source, root + target)
    if spec["read_only"]:
        mount("-o", "remount,bind,ro", root)


def confine(spec: dict) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    # Entered as a mount point, so that the process's own list of mounts begins with its root.
    os.chroot(spec["root"])
    os.chdir("/")
    if spec["drop_capabilities"]:
        number = 0
        # Until the kernel knows no more of them.
        while libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0:
            number += 1
    user, group = spec["user"]
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    if spec["no_new_privileges"] and libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs")


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    set_up(told)
    confine(told)
    os.execve(told["arguments"][0], told["arguments"], told["environment"])
