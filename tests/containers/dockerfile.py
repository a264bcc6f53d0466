"""The last stage of a Dockerfile: what an image made of it would be set to."""

import json
import re
from dataclasses import dataclass, field


@dataclass
class Image:
    """What a container takes from its image."""

    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    #: (from, to, owner) of each file and folder that is copied.
    copies: list[tuple[str, str, str]] = field(default_factory=list)


def last_stage(text: str) -> Image:
    lines = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.M)).splitlines()
    first = max(number for number, line in enumerate(lines) if line.startswith("FROM "))
    image = Image()
    for line in filter(str.strip, lines[first + 1 :]):
        word, rest = line.split(None, 1)
        match word:
            case "USER":
                image.user = rest.strip()
            case "ENTRYPOINT":
                image.entrypoint = json.loads(rest)
            case "CMD":
                image.command = json.loads(rest)
            case "HEALTHCHECK":
                image.health = json.loads(rest[rest.index("CMD ") + 4 :])
            case "COPY":
                options = [part for part in rest.split() if part.startswith("--")]
                source, target = [part for part in rest.split() if not part.startswith("--")]
                owner = next((o.split("=")[1] for o in options if o.startswith("--chown=")), "0:0")
                image.copies.append((source, target, owner))
            case "EXPOSE":
                pass
            case _:
                raise ValueError(f"this test does not know what {word} does to an image")
    return image
