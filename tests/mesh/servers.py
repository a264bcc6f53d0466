"""A node, two proxies on it, and a balancer in front of them, configured by what deploy/ has."""

import os
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
INSTANCES = ("left", "right")


GIVEN: set[int] = set()


def free_port() -> int:
    """One that nobody listens on, that was not given before, and from below those that outgoing connections take: what
    the system chooses by itself may come a second time before its first user listens on it."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if port not in GIVEN and not taken(tried, port):
                GIVEN.add(port)
                return port


def taken(tried: socket.socket, port: int) -> bool:
    try:
        tried.bind(("127.0.0.1", port))
    except OSError:
        return True
    return False


def make_certificates(folder: Path) -> None:
    """With the very commands that docs/rights.md shows."""
    text = (ROOT / "docs/rights.md").read_text()
    commands = re.search(r"<!-- commands for certificates -->\n```sh\n(.*?)```", text, re.S).group(1)
    folder.mkdir()
    subprocess.run(["bash", "-e", "-c", commands], cwd=folder, check=True, capture_output=True)


class Process:
    """A child with its output in a file."""

    def __init__(self, arguments: list[str], log: Path, ready=None):
        self.arguments, self.log = [str(argument) for argument in arguments], log
        with log.open("ab") as output:
            self.child = subprocess.Popen(self.arguments, stdout=output, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 30
        while ready and not ready():
            assert self.child.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)

    def end(self, limit: float) -> float:
        """Sends SIGTERM; the process has to end by itself with status 0. Says how long that took."""
        start = time.monotonic()
        self.child.send_signal(signal.SIGTERM)
        status = self.child.wait(timeout=limit)
        assert status == 0, f"{self.arguments[:2]} ended with {status}:\n{self.log.read_text()}"
        return time.monotonic() - start

    def kill(self) -> None:
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()


class Setting:
    """What stands behind the balancer."""

    def __init__(self, program: Path, work: Path):
        self.program, self.work = program, work
        self.socket = work / "node.sock"
        self.ports = {name: free_port() for name in INSTANCES}
        self.proxies: dict[str, Process] = {}
        node = ["devnode", "--socket", self.socket, "--profile", "pr10102-2026-07", "--interval", "500ms"]
        self.node = Process([program, *node], work / "node.log", self.socket.exists)

    def start(self, name: str) -> None:
        at = f"127.0.0.1:{self.ports[name]}"
        serve = ["serve", "--node", f"unix:{self.socket}", "--listen", at, "--instance", name, "--allow", "control"]
        asked = [self.program, "health", "--listen", at]
        healthy = lambda: subprocess.run(asked, capture_output=True).returncode == 0
        self.proxies[name] = Process([self.program, *serve], self.work / f"{name}.log", healthy)

    def kill(self) -> None:
        for process in (*self.proxies.values(), self.node):
            process.kill()


def answers(port: int):
    def connects() -> bool:
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", port)) == 0

    return connects


def start_nginx(setting: Setting, certificates: Path, port: int) -> Process:
    """nginx with deploy/nginx/nginx.conf; what is changed in it: ports, and where the certificates are."""
    text = (ROOT / "deploy/nginx/nginx.conf").read_text()
    changes = {"listen 8443": f"listen 127.0.0.1:{port}", "certificates/": f"{certificates}/"}
    changes |= {f"127.0.0.1:{was}": f"127.0.0.1:{now}" for was, now in zip((50051, 50061), setting.ports.values())}
    for was, now in changes.items():
        assert was in text, was
        text = text.replace(was, now)
    file = setting.work / "nginx.conf"
    file.write_text(text)
    own = f"daemon off; pid {setting.work}/nginx.pid;"
    return Process(["nginx", "-p", setting.work, "-c", file, "-g", own], setting.work / "nginx.log", answers(port))


def start_envoy(setting: Setting, certificates: Path, port: int) -> Process:
    """Envoy with deploy/envoy/envoy.yaml; changed: ports, certificates, and two endpoints in place of one."""
    text = (ROOT / "deploy/envoy/envoy.yaml").read_text()
    config = yaml.safe_load(text.replace("/etc/envoy/certificates", str(certificates)))
    clients, metrics = config["static_resources"]["listeners"]
    clients["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": port}
    metrics["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": free_port()}
    admin = {"address": "127.0.0.1", "port_value": free_port()}
    config["admin"]["address"]["socket_address"] = admin
    proxies, own = config["static_resources"]["clusters"]
    endpoint = lambda address: {"endpoint": {"address": {"socket_address": address}}}
    balanced = [endpoint({"address": "127.0.0.1", "port_value": port}) for port in setting.ports.values()]
    proxies["load_assignment"]["endpoints"] = [{"lb_endpoints": balanced}]
    own["load_assignment"]["endpoints"] = [{"lb_endpoints": [endpoint(admin)]}]
    file = setting.work / "envoy.yaml"
    file.write_text(yaml.safe_dump(config))
    program = os.environ.get("ENVOY", "envoy")
    arguments = ["--config-path", file, "--disable-hot-restart", "--concurrency", "2", "--log-level", "warning"]
    process = Process([program, *arguments], setting.work / "envoy.log", answers(port))
    process.metrics = metrics["address"]["socket_address"]["port_value"]
    return process


BALANCERS = {"nginx": start_nginx, "envoy": start_envoy}
