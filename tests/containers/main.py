"""The containers of the compose file's default, run as an engine would run them, and called through the published port.

What differs from an engine: both containers share one network, in which the published port is the container's own (the
test checks that the file gives both the same number), and the base image is stood in for by this machine's libraries.
"""

import fcntl
import json
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

from container import Container, make_root, seconds
from dockerfile import last_stage

SIOCSIFFLAGS, IFF_UP_RUNNING = 0x8914, 0x41


def bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP_RUNNING))


def published(service: dict) -> str:
    (port,) = service["ports"]
    assert port["host_ip"] == "127.0.0.1", "the port is not published to this machine alone"
    assert port["published"] == str(port["target"]), port
    return f"127.0.0.1:{port['published']}"


def call(address: str, method: str, data: str = "{}") -> dict:
    command = ["grpcurl", "-plaintext", "-max-time", "5", "-d", data, address, method]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check_calls(address: str) -> None:
    height = call(address, "bitcoin.ipc.v1.Chain/GetHeight")["height"]
    assert height >= 110, height
    block = call(address, "bitcoin.ipc.v1.Chain/GetBlockHash", json.dumps({"height": height}))
    assert len(block["blockHash"]) == 44, block
    assert call(address, "grpc.health.v1.Health/Check") == {"status": "SERVING"}
    print(f"{address}: the tip is at height {height}")


def check_stop(proxy: Container, address: str) -> None:
    """A watch of health is open and a call waits: neither may hold the end up beyond the grace period."""
    waiting = ["-plaintext", "-d"]
    watch = subprocess.Popen(["grpcurl", *waiting, "{}", address, "grpc.health.v1.Health/Watch"], stdout=subprocess.PIPE)
    assert b"{" in watch.stdout.readline()
    tip = call(address, "bitcoin.ipc.v1.Mining/GetTip")["tip"]["hash"]
    asked = json.dumps({"currentTip": tip, "timeoutMs": 600000})
    wait = ["grpcurl", *waiting, asked, address, "bitcoin.ipc.v1.Mining/WaitTipChanged"]
    under_way = subprocess.Popen(wait, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.5)
    assert under_way.poll() is None, under_way.communicate()
    proxy.stop()
    watch.wait(timeout=5)
    said, problem = under_way.communicate(timeout=5)
    # Until the next block, which comes within the drain limit or does not.
    assert '"tip"' in said or "DRAINING" in problem, (said, problem)


def main() -> None:
    work, program = Path(sys.argv[1]), Path(sys.argv[2])
    bring_up_loopback()
    services = json.loads((work / "compose.json").read_text())["services"]
    image = last_stage(Path("Dockerfile").read_text())
    health = services["proxy"]["healthcheck"]["test"]
    assert health == ["CMD", *image.health], "the image and the compose file check health differently"
    root = work / "root"
    make_root(root, image, program)
    default = {name for name, service in services.items() if not service.get("profiles")}
    assert default == {"node", "proxy"}, default
    made = lambda name: Container(name, services[name], image, root, work / "volumes", work / f"{name}.log")
    node, proxy = made("node"), made("proxy")
    try:
        assert services["proxy"]["depends_on"]["node"]["condition"] == "service_healthy"
        for container in (node, proxy):
            container.start()
            container.wait_until_healthy()
            container.check_confinement()
        address = published(services["proxy"])
        check_calls(address)
        check_stop(proxy, address)
        proxy.start()
        proxy.wait_until_healthy()
        check_calls(address)
        proxy.stop()
        node.stop()
    finally:
        node.kill()
        proxy.kill()
    assert seconds(services["proxy"]["stop_grace_period"]) >= 16, "shorter than the drain limit and the goodbye"
    print("the containers of docker-compose.yml run as written")


main()
