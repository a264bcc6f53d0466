"""Parts of scripts/deploy-check that no tool of others does.

    deploy_check.py context PROGRAM             what the build reads is in the image's context
    deploy_check.py schemas FOLDER KUBERNETES CRDS…     JSON schemas: of a folder of Kubernetes' own, and of the kinds that
                                                custom resource definitions describe
    deploy_check.py agree COMPOSE BASE ISTIO LINKERD     what has to agree between files does
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

#: What bitcoin-grpc may take to end after its drain limit: the node's goodbye (5 s) and the last answers (1 s).
GOODBYE = 6
#: The default of --drain.
DRAIN = 10


def allowed(path: str) -> bool:
    """Whether .dockerignore lets a path through: its last pattern that fits decides."""
    through = True
    for line in Path(".dockerignore").read_text().splitlines():
        pattern = line.lstrip("!")
        if not line or line.startswith("#"):
            continue
        assert not re.search(r"[*?\[]", pattern) or pattern == "*", f"this check does not know the pattern {line}"
        if pattern == "*" or path == pattern or path.startswith(f"{pattern}/"):
            through = line.startswith("!")
    return through


def read_by_the_compiler(program: Path) -> set[str]:
    """The project's files that Cargo lists beside the program; of a folder, all that is in it."""
    here = Path.cwd()
    listed = program.with_suffix(".d").read_text().split(":", 1)[1].split()
    inside = [path.resolve() for path in map(Path, listed) if path.resolve().is_relative_to(here)]
    files = [file for path in inside for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()]
    return {str(file.relative_to(here)) for file in files if not file.is_relative_to(here / "target")}


def context(program: Path) -> None:
    # Those that are to be committed count as well.
    list_files = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    tracked = subprocess.run(list_files, check=True, capture_output=True, text=True).stdout.splitlines()
    through = {path for path in tracked if allowed(path) and Path(path).is_file()}
    needed = read_by_the_compiler(program)
    assert len(needed) > 100, f"the compiler read only {needed}"
    missing = needed - through
    assert not missing, f".dockerignore keeps out what the build reads: {sorted(missing)[:5]}"
    # Cargo looks at the manifests of all members, and at what they name.
    with tempfile.TemporaryDirectory() as folder:
        for path in through:
            place = Path(folder, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(Path(path).read_bytes())
        metadata = ["cargo", "metadata", "--locked", "--offline", "--no-deps", "--format-version", "1"]
        subprocess.run(metadata, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    print(f"{len(needed)} files are read, {len(through)} of {len(tracked)} are let through")


def strict(schema):
    """A schema that refuses fields it does not know."""
    if isinstance(schema, dict):
        schema = {key: strict(value) for key, value in schema.items()}
        if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
    elif isinstance(schema, list):
        schema = [strict(item) for item in schema]
    return schema


def schemas(folder: Path, kubernetes: Path, files: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    # They name themselves and each other by places where nothing is.
    for file in kubernetes.glob("*.json"):
        schema = json.loads(file.read_text().replace('"/api/_definitions.json', '"_definitions.json'))
        schema.pop("$id", None)
        (folder / file.name).write_text(json.dumps(schema))
    count = 0
    for file in files:
        for crd in filter(None, yaml.safe_load_all(Path(file).read_text())):
            group, kind = crd["spec"]["group"].split(".")[0], crd["spec"]["names"]["kind"].lower()
            for version in crd["spec"]["versions"]:
                schema = version["schema"]["openAPIV3Schema"]
                schema["properties"] |= {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
                # Names and labels are every kind's; Kubernetes checks them by themselves.
                schema["properties"]["metadata"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                (folder / f"{kind}-{group}-{version['name']}.json").write_text(json.dumps(strict(schema)))
                count += 1
    assert count > 10, count


def seconds(text: str) -> float:
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)([hms])", text))


def compose_agrees(services: dict) -> None:
    for name, service in services.items():
        image, user = service.get("image", ""), service.get("user", "")
        # Ours is built here, and the real node's image is the user's choice.
        chosen = "build" in service or name == "real-node"
        assert service["read_only"] and service["cap_drop"] == ["ALL"], f"{name} is not confined"
        assert chosen or not image.endswith(":latest") and ":" in image, f"{name}: {image} is not pinned"
        assert not user or re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), f"{name} runs as {user}"
        if service.get("command", [""])[0] == "serve":
            drain = seconds(service["environment"].get("BITCOIN_GRPC_DRAIN", f"{DRAIN}s"))
            assert seconds(service["stop_grace_period"]) >= drain + GOODBYE, f"{name} is killed before it has drained"
    # The node lets only its own user at its socket.
    for node, proxy in (("node", "proxy"), ("real-node", "real-proxy"), ("node", "mesh-proxy")):
        assert services[node]["user"] == services[proxy]["user"]
        shared = {(mount["source"], mount["target"]) for mount in services[node]["volumes"]}
        assert shared & {(mount["source"], mount["target"]) for mount in services[proxy]["volumes"]}
    plain = services["mesh-proxy"]["environment"]["BITCOIN_GRPC_LISTEN"]
    assert plain.startswith("127.0.0.1:"), "the mesh's proxy can be reached past its sidecar"
    assert services["envoy"]["network_mode"] == "service:mesh-proxy"


def pod(manifests: list[dict]) -> dict:
    return next(m for m in manifests if m["kind"] == "Deployment")["spec"]["template"]["spec"]


def kubernetes_agrees(manifests: list[dict]) -> None:
    (node,), (proxy,) = pod(manifests)["initContainers"], pod(manifests)["containers"]
    environment = {entry["name"]: entry["value"] for entry in proxy["env"]}
    pause = proxy["lifecycle"]["preStop"]["sleep"]["seconds"]
    needed = pause + seconds(environment["BITCOIN_GRPC_DRAIN"]) + GOODBYE
    assert pod(manifests)["terminationGracePeriodSeconds"] >= needed, f"the pod is killed before {needed} s"
    security = pod(manifests)["securityContext"]
    assert security["runAsNonRoot"] and security["runAsUser"] == security["runAsGroup"] > 0
    for container in (node, proxy):
        assert container["image"].startswith("bitcoin-grpc:") and container["securityContext"]["readOnlyRootFilesystem"]
        assert {"name": "socket", "mountPath": "/run/bitcoin"} in container["volumeMounts"]
    assert environment["BITCOIN_GRPC_NODE"] == "unix:" + node["args"][node["args"].index("--socket") + 1]
    budget = next(m for m in manifests if m["kind"] == "PodDisruptionBudget")["spec"]
    deployment = next(m for m in manifests if m["kind"] == "Deployment")["spec"]
    # An empty selector would speak for every pod of the namespace.
    assert budget["selector"] == deployment["selector"] != {}, budget
    service = next(m for m in manifests if m["kind"] == "Service")["spec"]
    assert service["selector"] == deployment["selector"]["matchLabels"], service
    assert budget["minAvailable"] < deployment["replicas"]


def agree(compose: str, *manifests: str) -> None:
    compose_agrees(json.loads(Path(compose).read_text())["services"])
    for file in manifests:
        kubernetes_agrees([m for m in yaml.safe_load_all(Path(file).read_text()) if m])
    print("users, volumes, confinement and times to end agree")


match sys.argv[1:]:
    case ["context", program]:
        context(Path(program))
    case ["schemas", folder, kubernetes, *files]:
        schemas(Path(folder), Path(kubernetes), files)
    case ["agree", compose, *manifests]:
        agree(compose, *manifests)
    case _:
        sys.exit(__doc__)
