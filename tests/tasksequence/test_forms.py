"""Every form and encoding in which a task sequence is exported gives the same steps."""

from __future__ import annotations

import hashlib
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from dlcore.errors import NotFoundError, StorageError, TaskSequenceError
from dlcore.tasksequence import load, packages_in_order, read
from tests.tasksequence.documents import (
    cim,
    export_zip,
    of_2007,
    read_text,
    sequence,
    step,
    zipped,
)

PLAIN = sequence(
    step("InstallSoftwareAction", "Größe ≥ 1", parameters={"PackageID": "ABC00012"}),
    step("UpgradeOperatingSystemAction", parameters={"OSDUpgradeInstallPackageID": "ABC00013"}),
)
LYING = '<?xml version="1.0" encoding="utf-16"?>\n'

FORMS = {
    "bare": PLAIN,
    "bare with declaration": '<?xml version="1.0"?>\r\n' + PLAIN,
    "with a namespace": PLAIN.replace("<sequence ", '<sequence xmlns="urn:x" ', 1),
    "2007 with XML": of_2007(PLAIN),
    "2007 with CDATA": of_2007(f"<![CDATA[{PLAIN}]]>"),
    "2007 with escaped text": of_2007(escape(LYING + PLAIN)),
    "2007 below a list": f"<list>{of_2007(PLAIN)}</list>",
    "CIM": cim(PLAIN),
    "CIM below CIM": f'<CIM CIMVERSION="2.0"><DECLARATION>{cim(PLAIN)}</DECLARATION></CIM>',
    "CIM below DECLGROUP": f"<DECLGROUP><VALUE.OBJECT>{cim(PLAIN)}</VALUE.OBJECT></DECLGROUP>",
    "CIM with a declaration inside": cim("\n" + LYING + PLAIN),
}
ENCODINGS = {
    "UTF-8": lambda text: text.encode(),
    "UTF-8 with mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16 with mark": lambda text: text.encode("utf-16"),
    "UTF-16LE": lambda text: text.encode("utf-16-le"),
    "UTF-16BE": lambda text: text.encode("utf-16-be"),
    "UTF-16BE with mark": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_in_every_encoding_gives_the_same_steps(form: str, encoding: str) -> None:
    result = read(ENCODINGS[encoding](FORMS[form]), source=form)
    assert [s.name for s in result.steps] == ["Größe ≥ 1", "Step"]
    assert packages_in_order(result) == ("ABC00012", "ABC00013")


@pytest.mark.parametrize("declared", ["utf-16", "UTF-8", "us-ascii", "shift_jis", "nonsense"])
def test_a_declaration_that_lies_about_the_encoding_is_not_believed(declared: str) -> None:
    text = f'<?xml version="1.0" encoding="{declared}"?>{PLAIN}'
    for data in (text.encode(), text.encode("utf-16")):
        assert read(data, source="lie").steps[0].name == "Größe ≥ 1"


def test_a_single_byte_encoding_is_believed_where_the_bytes_are_no_utf_8() -> None:
    text = '<?xml version="1.0" encoding="Windows-1252"?>' + PLAIN.replace("≥", "=")
    assert read(text.encode("cp1252"), source="old").steps[0].name == "Größe = 1"


def test_bytes_in_no_known_encoding_are_refused_with_their_place() -> None:
    with pytest.raises(TaskSequenceError, match=r"upgrade\.xml: byte 9 is not utf-8"):
        read(b"<sequence\xff/>", source="upgrade.xml")


def test_the_wrapping_tells_name_id_and_boot_image() -> None:
    result = read_text(cim(PLAIN, "abc00007", "Up & away", "abc000b0"))
    assert (result.package_id, result.name, result.boot_image_id) == (
        *("ABC00007", "Up & away", "ABC000B0"),
    )
    old = read_text(of_2007(PLAIN, "ABC00008", "Old"))
    assert (old.package_id, old.name, old.boot_image_id) == ("ABC00008", "Old", "ABC000B0")


def test_a_bare_sequence_takes_the_id_it_is_given() -> None:
    assert read_text(PLAIN).package_id == ""
    assert read_text(PLAIN, "abc00009").package_id == "ABC00009"


def test_the_digest_is_of_the_bytes_that_were_read() -> None:
    data = PLAIN.encode()
    assert read(data, source="x").digest == hashlib.sha256(data).hexdigest()


def test_the_form_of_mdt_is_read() -> None:
    text = """<?xml version="1.0"?>
    <sequence version="3.00" name="Standard" description="A client">
      <globalVarList>
        <variable name="OSGUID" property="OSGUID">{89be5792}</variable>
      </globalVarList>
      <group expand="true" name="Initialization" disable="false" continueOnError="true">
        <action />
        <condition></condition>
        <step name="Update" disable="false" successCodeList="0 3010" startIn="">
          <defaultVarList><variable name="PackageID" property="PackageID">
          </variable></defaultVarList>
          <action>cscript.exe "%SCRIPTROOT%\\ZTIGather.wsf"</action>
        </step>
      </group>
    </sequence>"""
    result = read_text(text)
    only = result.steps[0]
    assert (result.name, result.version) == ("Standard", "3.00")
    assert result.variables == {"osguid": "{89be5792}"}
    assert only.type == "SMS_TaskSequence_RunCommandLineAction"
    assert only.variables["PackageID"] == ""
    assert result.groups[1].continue_on_error
    assert result.groups[1].condition is None


def test_an_export_with_one_sequence_is_read() -> None:
    result = read(export_zip({"ABC00001": PLAIN}), source="export.zip")
    assert result.package_id == "ABC00001"
    assert packages_in_order(result) == ("ABC00012", "ABC00013")


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_may_hold_any_form(form: str) -> None:
    path = "SMS_TaskSequencePackage/ABC00001/object.xml"
    result = read(zipped({path: FORMS[form].encode("utf-16")}), source="export.zip")
    assert result.package_id == "ABC00001"
    assert len(result.steps) == 2


def test_an_archive_of_plain_documents_is_read_and_other_documents_are_passed_over() -> None:
    data = zipped({"Control/1/Unattend.xml": "<unattend/>", "Control/1/ts.xml": PLAIN})
    assert len(read(data, source="mdt.zip").steps) == 2


@pytest.mark.parametrize(
    "text",
    [
        "<unattend/>",
        '<INSTANCE CLASSNAME="SMS_Package"/>',
        "<SmsTaskSequencePackage/>",
        of_2007(""),
        of_2007("<![CDATA[<other/>]]>"),
        cim(""),
        cim("<other/>"),
        '<INSTANCE CLASSNAME="SMS_TaskSequencePackage"/>',
        "",
        " ",
    ],
)
def test_what_holds_no_sequence_is_refused_by_name(text: str) -> None:
    with pytest.raises(TaskSequenceError, match=r"^upgrade\.xml"):
        read_text(text)


def test_a_file_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "upgrade.xml"
    path.write_text(PLAIN, encoding="utf-16")
    assert len(load(path).steps) == 2


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"none\.xml"):
        load(tmp_path / "none.xml")
    with pytest.raises(StorageError):
        load(tmp_path)
