"""The update site: read back as Fiji's updater does."""

from __future__ import annotations

import gzip
import hashlib
import xml.etree.ElementTree as ET

import pytest

import deep_storm as ds
from deep_storm.errors import OutputError
from deep_storm.fiji.menu.catalog import command_keys
from deep_storm.fiji.setup import update_site
from deep_storm.fiji.setup.update_site import DATABASE, checksum, write_site

FIRST, SECOND = "20260101120000", "20260201120000"


def records(folder):
    root = ET.fromstring(gzip.decompress((folder / DATABASE).read_bytes()))
    return {plugin.attrib["filename"]: plugin for plugin in root}


def test_every_file_is_there_under_the_name_that_the_updater_asks_for(tmp_path):
    write_site(tmp_path / "site", FIRST)
    found = records(tmp_path / "site")
    kinds = [name.partition("/")[0] for name in found]
    assert kinds.count("scripts") == len(command_keys())
    assert kinds.count("jars") == 1
    assert kinds.count("models") == 2
    for name, plugin in found.items():
        version = plugin.find("version").attrib
        content = (tmp_path / "site" / f"{name}-{version['timestamp']}").read_bytes()
        assert int(version["filesize"]) == len(content)
        assert version["checksum"] == checksum(name, content)
    script = next(name for name in found if name.endswith("Reconstruct_Stack....py"))
    content = (tmp_path / "site" / f"{script}-{FIRST}").read_bytes()
    expected = hashlib.sha1(script.encode() + content).hexdigest()
    assert found[script].find("version").attrib["checksum"] == expected


def test_the_list_is_valid_xml_for_java(imagej, tmp_path):
    write_site(tmp_path, FIRST)
    text = (
        "(lambda f: (f.setValidating(True), (lambda b: (b.setErrorHandler("
        "jpype.JProxy('org.xml.sax.ErrorHandler', dict={n: (lambda e: exec('raise e')) "
        "for n in ('warning', 'error', 'fatalError')})), "
        "b.parse(java('java.util.zip.GZIPInputStream')(java('java.io.FileInputStream')(path))))[1])"
        "(f.newDocumentBuilder()))[1])(java('javax.xml.parsers.DocumentBuilderFactory')"
        ".newInstance()).getElementsByTagName('plugin').getLength()"
    )
    count = imagej.ask("evaluate", text=text, path=str(tmp_path / DATABASE))
    assert count == len(records(tmp_path))


def test_what_did_not_change_keeps_its_time(tmp_path, monkeypatch):
    write_site(tmp_path, FIRST)
    assert write_site(tmp_path, SECOND) == []
    files = update_site.site_files()
    changed, gone = [name for name in files if name.startswith("scripts/")][:2]
    files[changed] += b"# more\n"
    del files[gone]
    monkeypatch.setattr(update_site, "site_files", lambda: files)
    before = records(tmp_path)[changed].find("version").attrib["checksum"]
    written = write_site(tmp_path, SECOND)
    assert [path.name for path in written] == [f"{changed.rpartition('/')[2]}-{SECOND}", DATABASE]
    found = records(tmp_path)
    assert found[changed].find("version").attrib["timestamp"] == SECOND
    assert found[changed].find("previous-version").attrib["checksum"] == before
    assert found[gone].find("version") is None
    assert found[gone].find("previous-version").attrib["timestamp-obsolete"] == SECOND
    others = [n for n in found if n not in (changed, gone)]
    assert {found[n].find("version").attrib["timestamp"] for n in others} == {FIRST}


def test_a_folder_of_something_else_stays_as_it_is(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="has files and no db"):
        write_site(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_one_command_makes_it(tmp_path):
    done = ds.fiji("update-site", output=tmp_path / "site")
    assert (tmp_path / "site" / DATABASE) in done.written
    assert "Manage Update Sites" in done.summary()
    assert DATABASE not in done.summary()  # what was written is listed below, once
    assert "Nothing to change" in ds.fiji("update-site", output=tmp_path / "site").summary()
