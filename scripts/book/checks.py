"""What can be said of commands that are not run, by the kinds of book.tables."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def engine(words, stage):
    """The file is loaded as docker compose would, with the variables and profiles of the command."""
    text = (ROOT / "docker-compose.yml").read_text()
    while "=" in words[0]:
        variable = words.pop(0).split("=")[0]
        assert "${" + variable + ":" in text, f"docker-compose.yml knows no {variable}"
    rest = words[2:]
    named = re.findall(r"^  ([\w-]+):$", text, re.M)
    while rest[0] == "--profile":
        assert f"profiles: [{rest[1]}]" in text, f"docker-compose.yml has no profile {rest[1]}"
        rest = rest[2:]
    assert rest[0] == "up", f"{rest[0]} is not checked"
    for word in rest[1:]:
        assert word == "--build" or word in named, f"docker-compose.yml has no service {word}"
    if shutil.which("compose-loader"):
        done = subprocess.run(["compose-loader", "docker-compose.yml"], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def cluster(words, stage):
    assert words[:3] == ["kubectl", "apply", "-k"] and (ROOT / words[3] / "kustomization.yaml").exists(), words
    if shutil.which("kustomize"):
        done = subprocess.run(["kustomize", "build", ROOT / words[3]], capture_output=True, text=True)
        assert done.returncode == 0 and "kind: Deployment" in done.stdout, done.stderr


def build(words, stage):
    assert words[1:] in (["test", "--workspace"], ["install", "--locked", "--path", "."]), words
    assert (ROOT / "Cargo.toml").exists() and (ROOT / "Cargo.lock").exists()


def example(words, stage):
    package, name = words[words.index("-p") + 1], words[words.index("--example") + 1]
    folder = ROOT / "clients/rust"
    assert f'name = "{package}"' in (folder / "Cargo.toml").read_text() and (folder / f"examples/{name}.rs").exists()


def options(words, text, where):
    for word in words:
        if word.startswith("--"):
            assert f'"{word}"' in text or f'"{word[2:]}"' in text, f"{where} has no {word}"


def measurement(words, stage):
    script = (ROOT / words[0]).read_text()
    bench = re.search(r"--bench (\w+)", script).group(1)
    folder = ROOT / "benches"
    sources = [folder / f"{bench}.rs", *(folder / bench).rglob("*.rs"), *(folder / "common").rglob("*.rs")]
    options(words[1:], "\n".join(source.read_text() for source in sources if source.exists()), words[0])


def trial(words, stage):
    options(words[1:], (ROOT / "shield/src/main.rs").read_text(), words[0])


def fuzz(words, stage):
    if words[1] == "install":
        return
    assert words[3] in ("run", "cmin") and (ROOT / f"fuzz/fuzz_targets/{words[6]}.rs").exists(), words


def step(words, stage):
    known = re.findall(r"^prepare_(\w+)\(\)", (ROOT / "clients/how").read_text(), re.M)
    assert all(word in known for word in words[1:]), f"clients/how knows {known}"


def real_node(words, stage):
    options(words[2:], (ROOT / words[1]).read_text(), words[1])


def wallet(words, stage):
    """The node's part of the way is all that is missing."""
    at = [word.replace("localhost:50051", f"localhost:{stage.wallets()}") for word in words]
    done = stage.shell(shlex.join(at), stage.environment())
    assert "METHOD_NOT_IN_NODE" in done.stderr, f"{done.stdout}{done.stderr}"


def check(kind, command, stage):
    words = shlex.split(command, comments=True)
    globals()[kind.replace(" ", "_")](words, stage)
