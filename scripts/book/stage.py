"""What the commands run on: a home with a node's sockets, a demo at the documents' port, copies of the project."""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from book import documents, tables

ROOT = Path(__file__).resolve().parents[2]
#: For how long a server may take to be ready, and to end, and an ordinary command to be done, in seconds.
PATIENCE = 60
#: The same for what downloads and builds, on a busy machine.
LONG_PATIENCE = 420
LONG = r"(npm|pip|go|mvn|python3 -m venv)\b"
#: Tools whose folder of downloads is for one of them at a time.
ALONE = ("npm", "mvn")
#: How a program ends that was interrupted: by itself, by the signal, or as its shell or build tool tells that.
INTERRUPTED = (0, 1, 130, -signal.SIGINT)


class Process:
    """A process with a group of its own, that is always ended; what it says goes to a file."""

    def __init__(self, command, environment, folder, log):
        self.command, self.log = command, Path(log)
        with open(self.log, "w") as said:
            self.child = subprocess.Popen(
                ["bash", "-o", "pipefail", "-c", command], env=environment, cwd=folder,
                stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
            )

    def wait_until(self, expression, patience):
        deadline = time.monotonic() + patience
        while not re.search(expression, self.log.read_text(), re.M):
            if self.child.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"does not say {expression!r}\n{self.log.read_text()}")
            time.sleep(0.05)

    def end(self, how):
        """Ends it, and returns the status."""
        if how == signal.SIGINT:
            os.killpg(self.child.pid, how)
        else:
            self.child.send_signal(how)
        try:
            return self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"does not end\n{self.log.read_text()}") from None

    def kill(self):
        """Its number is its own for as long as nobody has waited for it."""
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()


class Stage:
    """Shared by all documents."""

    def __init__(self, program, top):
        self.program, self.top = program, Path(top)
        self.home, self.bin = self.top / "home", self.top / "bin"
        self.lock, self.taken, self.made, self.running = threading.Lock(), set(), 0, []
        self.claimed, self.alone = set(), {tool: threading.Lock() for tool in ALONE}
        for folder in (self.bin, self.home / ".bitcoin/regtest", self.home / ".bitcoin/signet", self.top / "logs"):
            folder.mkdir(parents=True)
        (self.bin / "bitcoin-grpc").symlink_to(program)
        self.stand_in()
        self.node()
        self.port = self.usual_port()
        self.demo(self.port, "")

    def stand_in(self):
        """The embedded node in the place of a bitcoin-node that is led by a descriptor."""
        path = self.bin / "bitcoin-node"
        path.write_text(
            '#!/bin/sh\n[ "$#" = 2 ] && [ "$1" = -ipcfd ] || exit 9\n'
            'exec bitcoin-grpc devnode --inetd --led --profile pr10102-2026-02 --interval 0s <&"$2"\n'
        )
        path.chmod(0o755)

    def node(self):
        """A node of Core 32 at the sockets of three chains."""
        at = self.home / ".bitcoin/node.sock"
        self.start(f"bitcoin-grpc devnode --profile core-32 --socket {at}", self.environment(), "^listening on ")
        for chain in ("regtest", "signet"):
            (self.home / ".bitcoin" / chain / "node.sock").symlink_to(at)

    def demo(self, port, options):
        return self.start(f"bitcoin-grpc demo {options}", self.environment(port), "^found ")

    def is_first(self, block):
        """Whether nobody else runs the same."""
        with self.lock:
            is_first = block not in self.claimed
            self.claimed.add(block)
            return is_first

    def wallets(self):
        """The environment of a demo of a generation that has wallets, whose node has none."""
        with self.lock:
            if not hasattr(self, "of_wallets"):
                self.of_wallets = self.free_port()
                self.demo(self.of_wallets, "--profile pr10102-2026-02 --allow wallet")
        return self.of_wallets

    def start(self, command, environment, ready, folder=None):
        self.made += 1
        process = Process(f"exec {command}", environment, folder or self.top, self.top / "logs" / f"{self.made}.log")
        self.running.append(process)
        process.wait_until(ready, PATIENCE)
        return process

    def follow(self, command, environment, folder, log):
        process = Process(command, environment, folder, log)
        self.running.append(process)
        return process

    def usual_port(self):
        usual = int(tables.PORTS[0])
        return usual if self.is_free(usual) else self.free_port()

    @staticmethod
    def is_free(port):
        with socket.socket() as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind(("127.0.0.1", port))
            except OSError:
                return False
            return True

    def free_port(self):
        while True:
            # From below those that outgoing connections take: it may be a while until somebody listens on it.
            port = random.randrange(20_000, 32_000)
            if port not in self.taken and self.is_free(port):
                self.taken.add(port)
                return port

    def environment(self, port=None):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BITCOIN_GRPC")}
        npm = self.top / "npm"
        kept["PATH"] = f"{self.bin}:{npm}/bin:{kept['PATH']}"
        kept |= {"npm_config_prefix": str(npm), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        if port:
            kept |= {"BITCOIN_GRPC_LISTEN": f"127.0.0.1:{port}", "BITCOIN_GRPC_ADDR": f"127.0.0.1:{port}"}
        return kept

    def shell(self, command, environment, folder=None, patience=PATIENCE):
        """Carries a command out. Whoever is still there after the time is ended with all it started."""
        child = subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", command], env=environment, cwd=folder or self.top,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )
        try:
            said, errors = child.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            said, errors = child.communicate()
            raise AssertionError(f"not done after {patience} s\n{said}{errors}") from None
        return subprocess.CompletedProcess(command, child.returncode, said, errors)

    def copy(self, document):
        """A copy of what the commands name, without what is not tracked."""
        folder = self.top / document.replace("/", "-").removesuffix(".md")
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *tables.COPIED]
        tracked = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in filter(None, tracked.split("\0")):
            if (ROOT / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        return folder

    def credentials(self, folder):
        """What docs/rights.md shows how to make: certificates, a token and its line, and the policy. Returns the token."""
        text = (ROOT / "docs/rights.md").read_text()
        block = next(block for block in documents.blocks(ROOT / "docs/rights.md") if block.body.startswith("openssl"))
        done = self.shell("set -e\n" + block.body, self.environment(), folder)
        assert done.returncode == 0, done.stderr
        told = self.shell("bitcoin-grpc token --name monitor --lasts 90d", self.environment()).stdout
        (folder / "tokens").write_text(re.search(r"monitor sha256:.*", told).group() + "\n")
        policy = re.search(r"^```toml\n(# Who\..*?)^```", text, re.M | re.S).group(1)
        (folder / "policy.toml").write_text(policy)
        for file in ("tokens", "policy.toml"):
            (folder / file).chmod(0o600)
        return re.search(r"btcgrpc_\w+", told).group()

    def close(self):
        for process in self.running:
            process.kill()
