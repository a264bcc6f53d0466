"""Generates the messages and stubs from the contract while the package is built."""

import re
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
PROTO = HERE.parent.parent / "proto"

# protoc makes the folders of the proto package. A top-level package "bitcoin" would get in the way of
# other libraries of that name, so the modules move below our own.
IMPORT = re.compile(r"^(from|import) bitcoin\.ipc\.v1\b", re.MULTILINE)


def generate(out):
    from grpc_tools import protoc

    protos = sorted(PROTO.glob("bitcoin/ipc/v1/*.proto"))
    if not protos:
        raise SystemExit(f"no contract in {PROTO}: build this package in a checkout of bitcoin-grpc")
    google = files("grpc_tools") / "_proto"
    where = [f"--python_out={out}", f"--pyi_out={out}", f"--grpc_python_out={out}"]
    if protoc.main(["protoc", f"-I{PROTO}", f"-I{google}", *where, *map(str, protos)]):
        raise SystemExit("protoc failed")
    made = out / "bitcoin" / "ipc" / "v1"
    for folder in (made, made.parent, made.parent.parent):
        (folder / "__init__.py").touch()
    for module in made.glob("*.py*"):
        module.write_text(IMPORT.sub(r"\1 bitcoin_grpc.bitcoin.ipc.v1", module.read_text()))


class Build(build_py):
    def run(self):
        super().run()
        generate(Path(self.build_lib) / "bitcoin_grpc")


def runtime():
    """The oldest libraries that the generated code accepts: those that it was made by."""
    grpc = version("grpcio-tools")
    protobuf = version("protobuf")
    return [f"grpcio>={grpc}", f"protobuf>={protobuf}", "googleapis-common-protos>=1.65"]


setup(cmdclass={"build_py": Build}, install_requires=runtime())
