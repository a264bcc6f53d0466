"""What a document shows: its blocks, the commands in them, and what these are said to print."""

import re
from dataclasses import dataclass, field

#: Blocks of commands; in those of "console" a command stands behind "$ ", and what it prints below it.
COMMANDS = {"sh", "console"}
#: Blocks that are to be read or put into files.
OTHERS = {"text", "toml", "yaml", "ini", "xml", "go", "java", "python", "rust"}


@dataclass
class Command:
    text: str
    #: The lines that it is said to print, if the document shows them.
    printed: list = field(default_factory=list)


@dataclass
class Block:
    language: str
    body: str
    commands: list

    @property
    def is_script(self):
        """Whether it is a program's text as a whole."""
        return self.body.startswith("#!")


def blocks(path):
    """Every block of a document. One whose language is unknown fails: nobody would look at its commands."""
    for language, body in re.findall(r"^```(\w*)\n(.*?)^```$", path.read_text(), re.M | re.S):
        assert language in COMMANDS | OTHERS, f"{path.name}: a block of {language or 'no language'}"
        if language in COMMANDS:
            yield Block(language, body, commands(language, body))
        elif started := re.search(r"^ExecStart=/usr/local/bin/(.*)$", body, re.M):
            # What a unit of systemd starts is a command, too.
            yield Block(language, body, [Command(started.group(1))])


def commands(language, body):
    """A command for each line, continued lines being one. In a session only lines behind "$ " are commands."""
    found = []
    for line in re.sub(r"\\\n\s*", "", body).splitlines():
        if language == "console" and not line.startswith("$ "):
            assert found, f"output of no command: {line}"
            found[-1].printed.append(line)
        elif line.strip() and not line.startswith("#"):
            found.append(Command(line.removeprefix("$ ").strip()))
    return found


#: Where a link leads, and what is written as a path of the project.
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
PATH = re.compile(r"`((?:benches|call|clients|codegen|contract|deploy|devnode|docs|fuzz|proto|schema|scripts|shield|src|testkit"
                  r"|tests)/[\w./-]*)`")


def lost(path, root):
    """What a document points to and is not there. A path of a module may lack its ending."""
    text = path.read_text()
    links = [link for link in LINK.findall(text) if not (path.parent / link).exists()]
    paths = [name for name in PATH.findall(text) if not (root / name).exists() and not (root / f"{name}.rs").exists()]
    return links + paths


#: A word of which a part differs from run to run, marked by "…"; digits of hexadecimal beside the mark differ, too.
VARIES = re.compile(r"[0-9a-f.-]*…[0-9a-f]*")


def pattern(printed):
    """What the output has to be like. A line of "…" stands for any lines."""
    lines = []
    for line in printed:
        if line.strip() == "…":
            lines.append(r"(?:.*\n)*?")
            continue
        end = 0
        text = ""
        for varies in VARIES.finditer(line):
            text += re.escape(line[end : varies.start()])
            # In the middle of a line a word, at its end the rest.
            text += r"([^\s\"]+)" if line[varies.end() :] else r"(.+)"
            end = varies.end()
        lines.append(text + re.escape(line[end:]) + "\n")
    return "".join(lines)


def compare(printed, said):
    """Fails if a command says something else than is printed. Returns what stands for what, of the parts that vary."""
    found = re.fullmatch(pattern(printed), said.strip() + "\n")
    assert found, "the document shows\n" + "\n".join(printed) + f"\nand it prints\n{said}"
    shown = [varies.group() for line in printed if line.strip() != "…" for varies in VARIES.finditer(line)]
    return {word: value for word, value in zip(shown, found.groups()) if len(word) > 1}
