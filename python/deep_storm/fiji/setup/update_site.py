"""A folder in the form of a Fiji update site: our scripts, the jar and the model.

On the server each file's name ends with the time of its version, and ``db.xml.gz`` lists all of
them with their checksums::

    fiji-update-site/
        db.xml.gz
        scripts/Plugins/Deep-STORM/4_Reconstruct/Reconstruct_Stack....py-20261128210000
        jars/Deep-STORM_ThunderSTORM_Provider.jar-20261128210000
        models/deep-storm/general/model.toml-20261128210000

Files that did not change keep their time; what changed or went away is noted as a previous version,
so that the updater knows it again. The checksum is SHA-1 over the file's path and content; of a
jar, over names and contents of its entries, without its manifest's lines.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import time
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deep_storm.errors import OutputError
from deep_storm.fiji.menu.headers import scripts
from deep_storm.fiji.setup.provider_jar import JAR, jar_file
from deep_storm.io.files import atomic_path

DATABASE = "db.xml.gz"
_MODEL = Path(__file__).resolve().parents[2] / "models" / "general"
_MODEL_FILES = ("model.toml", "weights.npz")
_MANIFEST = "META-INF/MANIFEST.MF"
_DOCTYPE = """\
<!DOCTYPE pluginRecords [
<!ELEMENT pluginRecords (plugin*)>
<!ELEMENT plugin (version?, previous-version*)>
<!ATTLIST plugin filename CDATA #REQUIRED>
<!ELEMENT version (description?)>
<!ATTLIST version checksum CDATA #REQUIRED timestamp CDATA #REQUIRED filesize CDATA #REQUIRED>
<!ELEMENT description (#PCDATA)>
<!ELEMENT previous-version EMPTY>
<!ATTLIST previous-version timestamp CDATA #REQUIRED timestamp-obsolete CDATA #IMPLIED
  checksum CDATA #REQUIRED>
]>
"""


@dataclass
class Entry:
    """A file of an update site: its present version (None: removed) and earlier ones."""

    version: Mapping[str, str] | None = None
    previous: list[dict[str, str]] = field(default_factory=list)


def site_files() -> dict[str, bytes]:
    """Return the contents of the site by path below Fiji's folder."""
    files = {f"scripts/{path.as_posix()}": text.encode("ascii") for path, text in scripts().items()}
    files[f"jars/{JAR}"] = jar_file()
    for name in _MODEL_FILES:
        files[f"models/deep-storm/general/{name}"] = (_MODEL / name).read_bytes()
    return files


def checksum(path: str, content: bytes) -> str:
    """Return a file's checksum as Fiji's updater computes it."""
    digest = hashlib.sha1(usedforsecurity=False)
    if not path.endswith(".jar"):
        digest.update(path.encode("ascii") + content)
        return digest.hexdigest()
    with zipfile.ZipFile(io.BytesIO(content)) as jar:
        for name in sorted(jar.namelist()):
            digest.update(name.encode("ascii"))
            digest.update(b"" if name == _MANIFEST else jar.read(name))
    return digest.hexdigest()


def write_site(folder: Path, timestamp: str | None = None) -> list[Path]:
    """Write an update site, or update an existing one.

    Parameters
    ----------
    folder
        Empty, not there, or an update site that was written before.
    timestamp
        Of what is new: year to second, 14 digits; by default now.

    Returns
    -------
    Files that were written.

    Raises
    ------
    OutputError
        The folder is something else, or cannot be written.
    """
    now = timestamp or time.strftime("%Y%m%d%H%M%S", time.gmtime())
    database = folder / DATABASE
    if folder.is_dir() and any(folder.iterdir()) and not database.is_file():
        raise OutputError(
            f"{folder} has files and no {DATABASE}",
            "a new folder, or an update site that was written before",
            "choose another folder",
        )
    entries = _read(database) if database.is_file() else {}
    written = []
    for path, content in site_files().items():
        entry = entries.setdefault(path, Entry())
        digest = checksum(path, content)
        if entry.version is not None and entry.version["checksum"] == digest:
            continue
        _retire(entry, now)
        entry.version = {
            "checksum": digest, "timestamp": now, "filesize": str(len(content)),
        }  # fmt: skip
        target = folder / f"{path}-{now}"
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(target, overwrite=True) as partial:
            partial.write_bytes(content)
        written.append(target)
    for path in entries.keys() - site_files().keys():
        _retire(entries[path], now)
    if written or not database.is_file():
        with atomic_path(database, overwrite=True) as partial:
            partial.write_bytes(gzip.compress(_as_xml(entries).encode("utf-8"), mtime=0))
        written.append(database)
    return written


def _retire(entry: Entry, now: str) -> None:
    """Move the present version to the earlier ones."""
    if entry.version is not None:
        entry.previous.append(
            {
                "timestamp": entry.version["timestamp"],
                "timestamp-obsolete": now,
                "checksum": entry.version["checksum"],
            }
        )
    entry.version = None


def _as_xml(entries: Mapping[str, Entry]) -> str:
    root = ET.Element("pluginRecords")
    for path in sorted(entries):
        entry = entries[path]
        plugin = ET.SubElement(root, "plugin", filename=path)
        if entry.version is not None:
            version = ET.SubElement(plugin, "version", dict(entry.version))
            ET.SubElement(version, "description").text = "Deep-STORM"
        for previous in entry.previous:
            ET.SubElement(plugin, "previous-version", previous)
    ET.indent(root)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return head + _DOCTYPE + ET.tostring(root, encoding="unicode") + "\n"


def _read(database: Path) -> dict[str, Entry]:
    """Read the list of files of an existing site."""
    try:
        root = ET.fromstring(gzip.decompress(database.read_bytes()))  # our own file
    except (OSError, EOFError, ET.ParseError) as error:
        raise OutputError(
            f"{database} cannot be read ({error})", "a list that was written before", "delete it"
        ) from error
    entries = {}
    for plugin in root.iter("plugin"):
        version = plugin.find("version")
        previous = [dict(one.attrib) for one in plugin.iter("previous-version")]
        entries[plugin.attrib["filename"]] = Entry(
            None if version is None else dict(version.attrib), previous
        )
    return entries
