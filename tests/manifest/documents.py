"""Foreign documents to test with. The two piece hash files are published ones."""

from __future__ import annotations

import base64
import json

PHF_ONE = json.dumps(
    {
        "MajorVersion": 1,
        "MinorVersion": 0,
        "HashOfHashes": "bLR+YkW147Gf10YSrQ6lgW3AC9E1aDesK3TaSr0DHJA=",
        "ContentLength": 244530,
        "PieceSize": 1048576,
        "Pieces": ["J/rmYNjGCeAgcDu0Y7ZgHmKBHcddsZl1vLfWjZWbUn0="],
    }
).encode()

PHF_FIVE = json.dumps(
    {
        "MajorVersion": 1,
        "MinorVersion": 0,
        "HashOfHashes": "aGZA/I8Lc2F+ZsPzrXhTrcZaVte+PexJ5cOai52WjpQ=",
        "ContentLength": 4642818,
        "PieceSize": 1048576,
        "Pieces": [
            "WXdd9JFACfSvd8pL4CzlApi6zSFcMZvaEco9C+Zcjgc=",
            "7ZyMYuVE3K+gFOLr9YJstAno6vzOeLxh5fLQ8mHKt4g=",
            "kEyeX2FsHicx3AN64BNqAbaPMG4N/4HoME4mYX4ahCk=",
            "r1xSeMQBrq4Lp/VMMEtdGRCLr9DzJrjW+T/yj/IBMt4=",
            "8rPNGdVaZxgYMQ9SkBnjIWZ9TbIHb9zfGnM7Ub8xtb0=",
        ],
    }
).encode()

EICAR_DIGEST = base64.b64decode("lwNZmN/ezTZciFrht39kHBSZyfbBHDeqQpS1wosp1DY=")

# A file in blocks, one described as a whole, and an empty one.
METALINK = f"""<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <generator>by hand</generator>
  <file name="os/install.wim">
    <size>300000</size>
    <hash type="sha-256">{"0a" * 32}</hash>
    <pieces length="262144" type="sha-1"><hash>{"00" * 20}</hash></pieces>
    <pieces length="262144" type="sha-256">
      <hash>{"11" * 32}</hash>
      <hash>{"22" * 32}</hash>
    </pieces>
    <url>https://last.example/install.wim</url>
    <url priority="2" location="de">https://second.example/install.wim?a=b&amp;c=%2F</url>
    <url priority="1">http://first.example/install.wim</url>
    <url priority="1">ftp://never.example/install.wim</url>
  </file>
  <file name="notes.txt">
    <size>12</size>
    <hash type="md5">00112233445566778899aabbccddeeff</hash>
    <hash type="sha-256">{"AB" * 32}</hash>
  </file>
  <file name="empty"><size>0</size></file>
</metalink>
""".encode()
