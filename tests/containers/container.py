"""A container without an engine: namespaces, a read-only root, and one process as the image and the compose file say."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from dockerfile import Image

ENTER = Path(__file__).with_name("enter.py")


def owner(text: str) -> tuple[int, int]:
    user, group = text.split(":")
    return int(user), int(group)


def make_root(folder: Path, image: Image, program: Path) -> None:
    """What the image would hold: the files that the Dockerfile copies, and of its base the shared libraries."""
    for name in ("proc", "dev", "tmp", "etc"):
        (folder / name).mkdir(parents=True)
    (folder / "tmp").chmod(0o1777)
    for source, target, copied_for in image.copies:
        place = folder / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if Path(source).name == program.name:
            shutil.copy(program, place)
        else:
            place.mkdir()
        os.chown(place, *owner(copied_for))
    listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    for word in listed.split():
        if word.startswith("/"):
            place = folder / word.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(word, place)


def volume(folder: Path, name: str, target: str, root: Path) -> Path:
    """A named volume. A new one takes its owner from what the image has in its place, as an engine does it."""
    place = folder / name
    if not place.exists():
        place.mkdir(parents=True)
        found = (root / target.lstrip("/")).stat()
        os.chown(place, found.st_uid, found.st_gid)
        place.chmod(found.st_mode & 0o7777)
    return place


class Container:
    """A service of the compose file."""

    def __init__(self, name: str, service: dict, image: Image, root: Path, volumes: Path, log: Path):
        self.name, self.service, self.log, self.process = name, service, log, None
        for demanded in ("read_only", "cap_drop", "security_opt", "user", "stop_grace_period", "healthcheck"):
            assert service.get(demanded), f"{name} has no {demanded}"
        mounts = [(m["source"], m["target"]) for m in service.get("volumes", []) if m["type"] == "volume"]
        assert len(mounts) == len(service.get("volumes", [])), "only named volumes are known here"
        user = owner(service.get("user", image.user))
        assert 0 not in user, f"{name} runs as root"
        self.spec = {
            "root": str(root),
            "read_only": service["read_only"],
            "user": user,
            "volumes": [(str(volume(volumes, source, target, root)), target) for source, target in mounts],
            "environment": {"PATH": "/usr/local/bin", "HOME": "/"} | service.get("environment", {}),
            "drop_capabilities": service["cap_drop"] == ["ALL"],
            "no_new_privileges": "no-new-privileges:true" in service["security_opt"],
        }
        self.arguments = (service.get("entrypoint") or image.entrypoint) + (service.get("command") or image.command)

    def spawn(self, arguments: list[str], output) -> subprocess.Popen:
        spec = json.dumps(self.spec | {"arguments": arguments})
        command = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", sys.executable, ENTER, spec]
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)

    def start(self) -> None:
        print(f"{self.name}: {' '.join(self.arguments)}")
        with self.log.open("ab") as log:
            self.process = self.spawn(self.arguments, log)

    def wait_until_healthy(self) -> None:
        """Runs the health check in the container until it succeeds, as long as an engine would."""
        kind, *check = self.service["healthcheck"]["test"]
        assert kind == "CMD"
        deadline = time.monotonic() + seconds(self.service["healthcheck"]["start_period"])
        said = b""
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"{self.name} ended:\n{self.log.read_text()}"
            asked = self.spawn(check, subprocess.PIPE)
            said, _ = asked.communicate(timeout=seconds(self.service["healthcheck"]["timeout"]) + 1)
            if asked.returncode == 0:
                print(f"{self.name}: healthy")
                return
            time.sleep(0.2)
        raise AssertionError(f"{self.name} is not healthy: {said.decode()}\n{self.log.read_text()}")

    def inside(self) -> int:
        """The process id, as this machine counts it, of what is process 1 in the container."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def check_confinement(self) -> None:
        """The process has the user and the rights that the file gives it, and no more."""
        pid = self.inside()
        told = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
        user, group = self.spec["user"]
        assert told["Uid"].split() == [str(user)] * 4 and told["Gid"].split() == [str(group)] * 4, told
        assert told["NoNewPrivs"] == "1" and int(told["CapBnd"], 16) == int(told["CapEff"], 16) == 0, told
        mounts = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
        options = {mount[4]: mount[5].split(",") for mount in mounts}
        assert "ro" in options["/"], options
        assert all("rw" in options[target] for _, target in self.spec["volumes"]), options
        print(f"{self.name}: user {user}, no capabilities, read-only root")

    def stop(self) -> float:
        """Sends SIGTERM and gives the grace period; the program has to end by itself, with status 0."""
        start = time.monotonic()
        os.kill(self.inside(), signal.SIGTERM)
        status = self.process.wait(timeout=seconds(self.service["stop_grace_period"]))
        took = time.monotonic() - start
        assert status == 0, f"{self.name} ended with {status}:\n{self.log.read_text()}"
        print(f"{self.name}: ended by itself {took:.1f} s after SIGTERM, of {self.service['stop_grace_period']}")
        self.process = None
        return took

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def seconds(text: str) -> float:
    """`1m30s` as a number."""
    total, number = 0.0, ""
    for letter in text:
        if letter in "hms":
            total += float(number) * {"h": 3600, "m": 60, "s": 1}[letter]
            number = ""
        else:
            number += letter
    return total
