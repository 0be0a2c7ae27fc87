"""A published set of packages and a task sequence over it, small enough for a test."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from dlcore.deployment import Deployment, parse_deployment
from dlcore.model import DEFAULT_BLOCK_BYTES
from dlcore.publish import publish

PREFIX = "SMS_TaskSequence_"


def make_tree(folder: Path, files: Mapping[str, int], seed: int = 1) -> Path:
    """Write files of given lengths with seeded bytes."""
    rng = random.Random(f"{folder.name}/{seed}")
    for name, length_bytes in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rng.randbytes(length_bytes))
    return folder


def publish_packages(
    root: Path, packages: Mapping[str, Mapping[str, int]], *, block_bytes: int = DEFAULT_BLOCK_BYTES
) -> Path:
    """Publish packages of given files; returns the published folder."""
    for package_id, files in packages.items():
        source = make_tree(root / "source" / package_id, files)
        publish(
            source,
            package_id=package_id,
            version=1,
            destination=str(root / "published"),
            block_bytes=block_bytes,
        )
    return root / "published"


def step(
    name: str,
    kind: str = "RunCommandLineAction",
    *,
    package: str = "",
    condition: str = "",
    attributes: str = "",
    **variables: str,
) -> str:
    """XML of one step."""
    if package:
        variables = {"PackageID": package, **variables}
    rows = "".join(
        f"<variable name={quoteattr(n)}>{escape(v)}</variable>" for n, v in variables.items()
    )
    return (
        f'<step type="{PREFIX}{kind}" name={quoteattr(name)} {attributes}>{condition}'
        f"<action>smsswd.exe /run:{package} </action>"
        f"<defaultVarList>{rows}</defaultVarList></step>"
    )


def upgrade(package: str, name: str = "Upgrade", **more: str) -> str:
    """XML of the step that makes a sequence an upgrade."""
    return step(name, "UpgradeOperatingSystemAction", OSDUpgradeInstallPackageID=package, **more)


def when(variable: str, value: str, operator: str = "equals") -> str:
    """XML of a condition on a variable."""
    return (
        f'<condition><expression type="{PREFIX}VariableConditionExpression">'
        f'<variable name="Operator">{operator}</variable>'
        f'<variable name="Value">{value}</variable>'
        f'<variable name="Variable">{variable}</variable></expression></condition>'
    )


def group(name: str, *children: str, condition: str = "", attributes: str = "") -> str:
    """XML of a group."""
    return f"<group name={quoteattr(name)} {attributes}>{condition}{''.join(children)}</group>"


def sequence(*children: str) -> bytes:
    """A bare task sequence document."""
    return f'<sequence version="3.10">{"".join(children)}</sequence>'.encode()


def deployment(
    root: Path,
    more: Sequence[str] = (),
    *,
    endpoints: str = "",
    download: str = "when-needed",
    variables: Mapping[str, str] | None = None,
    on_internet: bool = True,
    catalog_at_endpoint: bool = False,
) -> Deployment:
    """Settings that read everything from the published folder."""
    published = root / "published"
    catalog = "endpoint = 'disk'" if catalog_at_endpoint else f"path = '{published}/catalog.json'"
    text = "\n".join(
        [
            f"[deployment]\nallow_on_internet = true\ndownload = '{download}'",
            f"[client]\nallow_cloud_dp = true\non_internet = {str(on_internet).lower()}",
            f"[catalog]\n{catalog}",
            "[variables]",
            *(f"{name} = '{value}'" for name, value in (variables or {}).items()),
            *more,
            endpoints or f"[[endpoint]]\nname = 'disk'\nkind = 'file'\npath = '{published}'",
        ]
    )
    return parse_deployment(text.encode(), root / "deployment.toml")
