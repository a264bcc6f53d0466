"""The commands of one document, in their order."""

import contextlib
import re
import shlex
import signal
import time

from book import checks, documents, tables
from book.stage import INTERRUPTED, LONG, LONG_PATIENCE, PATIENCE, ROOT

#: Programs that may be run on whose machine this is. Others fail until somebody has decided about them.
PROGRAMS = "bitcoin-grpc grpcurl openssl chmod mkdir echo curl jq python3 python pip npm go mvn".split()
#: A function or a variable for the commands behind it; it is not counted.
DEFINES = re.compile(r"\w+\(\) \{|\w+=\S+$")


class Session:
    def __init__(self, stage, document):
        self.stage, self.document = stage, document
        self.folder = stage.copy(document)
        self.port, self.token = stage.port, ""
        if document in tables.DEMOS:
            self.port = stage.free_port()
            options = re.search(r"`bitcoin-grpc demo (--[^`]+)`", (ROOT / document).read_text()).group(1)
            stage.demo(self.port, options)
        if document in tables.WITH_CREDENTIALS:
            self.token = stage.credentials(self.folder)
        #: Lines that go before every command: functions, variables, the environment of Python that is active.
        self.prelude = []
        #: What stands for what, of that which varies in what was printed.
        self.known = {}
        self.servers, self.ports = {}, {}
        #: The command that a fault belongs to.
        self.current = ""
        #: Of every command: how it was looked at, and its text.
        self.done = []

    def carry_out(self):
        for block in documents.blocks(ROOT / self.document):
            try:
                self.carry_out_once(block)
            finally:
                for server in self.servers.values():
                    server.kill()
            self.current = ""

    def carry_out_once(self, block):
        """What takes long is not run again where another document shows the very same."""
        key = tuple(command.text.split(" #")[0].strip() for command in block.commands)
        if not any(re.match(LONG, command) for command in key):
            return self.carry_out_block(block)
        if self.stage.is_first(self.in_place(key)):
            return self.carry_out_block(block)
        self.done += [("same", command.text, 0) for command in block.commands]

    def in_place(self, key):
        """The same wherever it is typed: Maven can be told its folder, or be started there."""
        place = tables.PLACES.get(self.document)
        told = re.fullmatch(r"mvn -q -f (\S+) (.*)", key[0])
        if told and (self.folder / told.group(1) / "pom.xml").exists():
            return told.group(1), (f"mvn -q {told.group(2)}", *key[1:])
        return place, key

    def carry_out_block(self, block):
        commands = [documents.Command(self.write_script(block))] if block.is_script else block.commands
        serves = any(self.subcommand(command.text) in tables.SERVERS for command in commands)
        serves = serves or any(self.before(command.text) for command in commands)
        self.ports = {port: self.stage.free_port() if serves else port for port in tables.PORTS}
        if not serves:
            self.ports[tables.PORTS[0]] = self.port
        self.servers = {}
        self.place = self.place_of(block)
        for command in commands:
            self.current = command.text
            self.carry_out_command(command)
        for command, server in list(self.servers.items()):
            self.end(command, server)

    def place_of(self, block):
        """The folder that a block's commands are typed in."""
        files = next((files for start, files in tables.OWN_PROJECTS.items() if block.body.startswith(start)), None)
        if files is None:
            return self.folder / tables.PLACES.get(self.document, "")
        place = self.folder / "own"
        place.mkdir()
        for name, text in files.items():
            (place / name).write_text(text)
        return place

    def write_script(self, block):
        script = self.folder / "script"
        script.write_text(block.body)
        script.chmod(0o755)
        return next(command for mark, command in tables.SCRIPTS.items() if mark in block.body).format(folder=self.folder)

    def before(self, text):
        return next((command for start, command in tables.BEFORE.items() if re.match(start, text)), None)

    def carry_out_command(self, command):
        kind = next((kind for start, kind in tables.CHECKED.items() if re.match(start, command.text)), None)
        text = self.substitute(command.text)
        if tables.EXAMPLE.format(programs=self.stage.program.parent) in text:
            kind = None if (self.stage.program.parent / "examples/watch").exists() else "example"
        if kind:
            checks.check(kind, command.text, self.stage)
            self.done.append((kind, command.text, 0))
            return
        self.must_be_known(text)
        before = self.before(command.text)
        if before and self.substitute(before) not in self.servers:
            self.serve(self.substitute(before))
        begun = time.monotonic()
        self.run(command, text)
        if not DEFINES.match(text):
            self.done.append(("run", command.text, time.monotonic() - begun))

    def substitute(self, text):
        words = {"folder": self.folder, "home": self.stage.home, "programs": self.stage.program.parent}
        for shown, value in tables.SUBSTITUTES:
            text = text.replace(shown, value.format(**words))
        for shown, value in self.known.items():
            text = text.replace(shown, value)
        for shown, port in self.ports.items():
            text = re.sub(rf"\b{shown}\b", str(port), text)
        return text

    def must_be_known(self, text):
        if DEFINES.match(text):
            return
        first = next(word for word in shlex.split(text, comments=True) if not re.match(r"[A-Z_]+=", word))
        functions = [line.split("(")[0] for line in self.prelude if "() {" in line]
        own = f"{self.stage.program.parent}/examples/"
        assert first in [*PROGRAMS, *functions] or first.startswith(own), f"how to run {first} is not known"

    def subcommand(self, text):
        """Which part of the program runs in the foreground, if any does."""
        for shown, value in tables.SUBSTITUTES:
            text = text.replace(shown, value)
        found = re.match(r"bitcoin-grpc (\w+)", text)
        return found.group(1) if found and "--help" not in text else None

    def environment(self):
        environment = self.stage.environment(self.ports[tables.PORTS[0]])
        return environment | ({"TOKEN": self.token} if self.token else {})

    def script(self, text):
        """Our own program has another home than the tools that keep downloads there."""
        home = f"export HOME={shlex.quote(str(self.stage.home))}" if "bitcoin-grpc" in text else ":"
        return "\n".join([home, *self.prelude, text])

    def run(self, command, text):
        bare = text.split(" #")[0].strip()
        follows = next((shows for what, shows in tables.FOLLOWERS.items() if re.search(what, bare)), None)
        if DEFINES.match(text):
            self.prelude.append(text)
        elif self.subcommand(command.text) in tables.SERVERS:
            self.serve(text)
        else:
            with self.stage.alone.get(text.split()[0], contextlib.nullcontext()):
                self.follow(text, follows) if follows else self.plain(command, text)

    def serve(self, text):
        """Another server of the same kind makes place first, as it has the same port."""
        kind = self.subcommand(text)
        for other, server in list(self.servers.items()):
            if self.subcommand(other) == kind:
                self.end(other, server)
        home = self.environment() | {"HOME": str(self.stage.home)}
        self.servers[text] = self.stage.start(text, home, tables.SERVERS[kind], self.place)

    def end(self, command, server):
        del self.servers[command]
        after, self.current = self.current, command
        status = server.end(signal.SIGTERM)
        assert status == 0, f"ends with status {status}\n{server.log.read_text()}"
        self.current = after

    def follow(self, text, shows):
        patience = LONG_PATIENCE if re.match(LONG, text) else PATIENCE
        self.stage.made += 1
        log = self.stage.top / "logs" / f"{self.stage.made}.log"
        process = self.stage.follow(self.script(text), self.environment(), self.place, log)
        process.wait_until(shows, patience)
        status = process.end(signal.SIGINT)
        assert status in INTERRUPTED, f"interrupted, it ends with status {status}\n{log.read_text()}"

    def plain(self, command, text):
        """A fault anywhere in a pipe counts, and every command says something unless it is known to be silent."""
        patience = LONG_PATIENCE if re.match(LONG, text) else PATIENCE
        done = self.stage.shell(self.script(text), self.environment(), self.place, patience)
        said = done.stdout + (done.stderr if command.printed else "")
        is_fault = any(re.match("ERROR:|bitcoin-grpc: ", line) for line in command.printed)
        assert (done.returncode != 0) == is_fault, f"status {done.returncode}\n{done.stdout}{done.stderr}"
        assert said.strip() or re.match(tables.SILENT, text), "says nothing"
        # Health answers that nothing is served, too, and that is not what is promised.
        assert "NOT_SERVING" not in said, said
        if command.printed:
            self.known |= documents.compare([self.substitute(line) for line in command.printed], said)
        if "bin/activate" in text:
            self.prelude.append(text.split("&&")[1].strip())
