"""What a site tells is read from each form, and nothing of it is guessed."""

from __future__ import annotations

import json

import pytest

from dlcore.errors import DocumentError
from dlcore.locations import Access, Location, Package, read_site_document
from dlcore.model import EndpointKind
from tests.locations.documents import HASH, TOKEN_METHOD, record, reply

FOLDER = "http://dp1.corp.example/SMS_DP_SMSPKG$"
VARIABLES = {
    "_SMSTSHTTPABC00012": f"{FOLDER}/ABC00012, http://dp2/NOCERT_SMS_DP_SMSPKG$/ABC00012/",
    "_SMSTSHTTPSABC00012": "https://dp1.corp.example/CCMTOKENAUTH_SMS_DP_SMSPKG$/ABC00012",
    "_SMSTSSourceVersionABC00012": "3",
    "_SMSTSPkgHashABC00012": f"2:{HASH}",
    "_SMSTSDPAuthToken": "s3cr3t",
    "OSDComputerName": "PC0042",
}
LINES = "".join(f"{name} = {value}\r\n" for name, value in VARIABLES.items())
XML = "".join(f'<var name="{name}"><![CDATA[{text}]]></var>' for name, text in VARIABLES.items())
FORMS = {
    "lines": LINES.encode(),
    "lines of PowerShell": LINES.encode("utf-16"),
    "object": json.dumps(VARIABLES).encode(),
    "list": json.dumps([{"Name": k, "Value": v} for k, v in VARIABLES.items()]).encode(),
    "ts.env": f'<?xml version="1.0"?><MediaVarList>{XML}</MediaVarList>'.encode(),
}


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_each_form_of_the_variables_tells_the_same(data: bytes) -> None:
    told = read_site_document(data, "dump")
    dp, content = EndpointKind.DP, "ABC00012"
    token = "https://dp1.corp.example/CCMTOKENAUTH_SMS_DP_SMSPKG$"
    assert told.locations == (
        Location(content, token, dp, Access.TOKEN),
        Location(content, FOLDER, dp, Access.WINDOWS),
        Location(content, "http://dp2/NOCERT_SMS_DP_SMSPKG$", dp, Access.NO_CERTIFICATE),
    )
    assert told.packages == (Package(content, 3, HASH),)
    assert told.secrets == ("_SMSTSDPAuthToken",)
    assert told.notes == ()


def test_a_reply_tells_locality_hash_and_what_is_not_understood() -> None:
    unknown = '<Property Name="SSLState" Value="63"/>'
    told = read_site_document(
        reply(record(f"{FOLDER}/ABC00012", "SUBNET", properties=unknown)), "reply"
    )
    dp = EndpointKind.DP
    remarks = ("SSLState = 63",)
    expected = Location("ABC00012", FOLDER, dp, Access.WINDOWS, "SUBNET", remarks)
    assert told.locations == (expected,)
    assert told.packages == (Package("ABC00012", None, HASH),)


def test_a_location_that_takes_a_token_says_so() -> None:
    told = read_site_document(reply(record(f"{FOLDER}/ABC00012", properties=TOKEN_METHOD)), "reply")
    assert told.locations[0].access is Access.TOKEN
    assert told.locations[0].remarks == ()


def test_a_gateway_is_told_without_what_the_client_was_given_for_it() -> None:
    url = "https://CMG1.contoso.com:443/downloadrestservice.svc/getcontentxmlsecure?pid=ABC00012"
    told = read_site_document(reply(record(f"{url}&cid=ABC00012&tid=GUID:3fb5")), "reply")
    expected = Location(
        *("ABC00012", "https://cmg1.contoso.com", EndpointKind.CMG, Access.REGISTRATION, "LOCAL")
    )
    assert told.locations == (expected,)


@pytest.mark.parametrize(
    ("name", "value", "remark"),
    [
        ("DPToken", "s3cr3t", "DPToken = not copied"),
        ("AltURL", "https://x.blob.example/c?sv=1&sig=s3cr3t", "AltURL = not copied"),
        ("Header", "Authorization: Basic s3cr3t", "Header = not copied"),
        ("x-ms-sig", "1234", "x-ms-sig = not copied"),
        ("SSLState", "s3cr3t", "SSLState = not copied"),
        ("AuthMethod", "s3cr3t", "AuthMethod = not copied"),
        ("c?sig=s3cr3t", "1", "a property with an odd name = not copied"),
    ],
)
def test_a_value_that_is_not_known_is_not_copied(name: str, value: str, remark: str) -> None:
    """Fault: a site tells secrets among what is not known. dlcore copies names, and no values."""
    unknown = f'<Property Name="{name}" Value="{value.replace("&", "&amp;")}"/>'
    told = read_site_document(reply(record(f"{FOLDER}/ABC00012", properties=unknown)), "reply")
    assert told.locations[0].remarks == (remark,)


def test_a_locality_that_is_not_known_is_not_copied() -> None:
    told = read_site_document(reply(record(f"{FOLDER}/ABC00012", "tok=s3cr3t")), "reply")
    assert told.locations[0].locality == "OTHER"


def test_an_empty_reply_is_known_as_such() -> None:
    assert read_site_document(reply(), "reply").is_without_locations
    assert not read_site_document(reply(record(f"{FOLDER}/ABC00012")), "reply").is_without_locations


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://peer:8003/SCCM_BranchCache$/ABC00012", "neither a virtual folder"),
        (r"\\dp1\SMSPKGD$\ABC00012", "neither http nor https"),
        ("http://user:s3cr3t@dp1/SMS_DP_SMSPKG$/ABC00012", "contains a user name"),
        ("http://dp1/SMS_DP_SMSPKG$/ABC00012?sig=s3cr3t", "neither a virtual folder"),
        ("http://dp1/SMS_DP_SMSPKG$/../ABC00012", "neither a virtual folder"),
        ("http://dp1/SMS_DP_SMSPKG$/nothing", "names no package"),
        ("http://dp1:99999/SMS_DP_SMSPKG$/ABC00012", "not a URL"),
        ("http://[dp1/SMS_DP_SMSPKG$/ABC00012", "not a URL"),
        ("http://dp1?/SMS_DP_SMSPKG$/ABC00012", "not the URL of a content"),
        ("http://cmg1/downloadrestservice.svc/getcontentxmlsecure?pid=ABC00012", "https only"),
        ("", "neither http nor https"),
    ],
)
def test_a_location_that_leads_elsewhere_is_left_out_and_told(url: str, reason: str) -> None:
    told = read_site_document(reply(record(url), record(f"{FOLDER}/ABC00012")), "reply")
    assert len(told.locations) == 1
    (note,) = told.notes
    assert note.startswith("reply: location 1 is left out: ")
    assert reason in note
    assert "s3cr3t" not in note


def test_a_peer_is_no_server() -> None:
    told = read_site_document(reply(record(f"{FOLDER}/ABC00012", kind="s3cr3t")), "reply")
    assert told.locations == ()
    assert told.notes == ("reply: location 1 is left out: it is not a server",)


def test_a_variable_that_names_another_package_is_not_believed() -> None:
    told = read_site_document(f"_SMSTSHTTPABC00012={FOLDER}/ABC00013".encode(), "dump")
    assert told.locations == ()
    assert "another content" in told.notes[0]


def test_a_hash_of_another_algorithm_is_left_out() -> None:
    told = read_site_document(reply(record(f"{FOLDER}/ABC00012"), algorithm="32772"), "reply")
    assert told.packages == (Package("ABC00012"),)


def test_a_hash_is_not_given_to_several_contents() -> None:
    records = [record(f"{FOLDER}/{content}") for content in ("ABC00012", "ABC00013")]
    told = read_site_document(reply(*records), "reply")
    assert [package.content_hash for package in told.packages] == ["", ""]
    assert "content hash is left out" in told.notes[0]


def test_a_site_code_that_looks_like_a_secret_is_none() -> None:
    told = read_site_document(b"_SMSTSHTTPPWD00012=http://dp1/SMS_DP_SMSPKG$/PWD00012", "dump")
    assert (len(told.locations), told.secrets) == (1, ())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nothing in it",
        b"{",
        b'["a"]',
        b"[" * 100_000,
        b"<other/>",
        b"<MediaVarList>",
        b'{"a": "1", "A": "2"}',
        b'[{"Name": "a", "Value": "1"}, {"Name": "a", "Value": "2"}]',
        b"\xff",
        b'<!DOCTYPE a [<!ENTITY x "y">]><ContentLocationReply/>',
    ],
)
def test_what_is_no_document_of_a_site_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError) as refused:
        read_site_document(data, "dump")
    assert refused.value.message.startswith("dump: ")
    assert "ContentLocationReply" in refused.value.remedy
