"""The class that ThunderSTORM's results window needs and Java 13 removed, as a jar of its own.

It is written as a class file byte by byte, so that no Java compiler is needed. As Java source::

    package com.sun.net.ssl.internal.ssl;

    public class Provider extends java.security.Provider {
        public Provider() { super("DeepSTORMStandIn", 1.0, "offers nothing"); }
    }

On Java 12 and older the class of Java itself is found first. Source of the format: The Java Virtual
Machine Specification, chapter 4.
"""

from __future__ import annotations

import io
import struct
import zipfile

from deep_storm.fiji.imagej.thunderstorm import MISSING

JAR = "Deep-STORM_ThunderSTORM_Provider.jar"
_JAVA_8 = 52
_PUBLIC, _SUPER = 0x0001, 0x0020
_UTF8, _CLASS, _STRING, _METHOD, _NAME_AND_TYPE = 1, 7, 8, 10, 12
_ALOAD_0, _DCONST_1, _LDC, _INVOKESPECIAL, _RETURN = 0x2A, 0x0F, 0x12, 0xB7, 0xB1
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Each entry's time: the same jar has the same bytes."""


class _Constants:
    """A class file's constant pool; each entry is stored once, counted from 1."""

    def __init__(self) -> None:
        self._entries: list[bytes] = []

    def _index(self, entry: bytes) -> int:
        if entry not in self._entries:
            self._entries.append(entry)
        return self._entries.index(entry) + 1

    def utf8(self, text: str) -> int:
        data = text.encode("ascii")
        return self._index(struct.pack(">BH", _UTF8, len(data)) + data)

    def class_(self, name: str) -> int:
        return self._index(struct.pack(">BH", _CLASS, self.utf8(name)))

    def string(self, text: str) -> int:
        return self._index(struct.pack(">BH", _STRING, self.utf8(text)))

    def method(self, owner: str, name: str, kind: str) -> int:
        signature = struct.pack(">BHH", _NAME_AND_TYPE, self.utf8(name), self.utf8(kind))
        return self._index(struct.pack(">BHH", _METHOD, self.class_(owner), self._index(signature)))

    def to_bytes(self) -> bytes:
        return struct.pack(">H", len(self._entries) + 1) + b"".join(self._entries)


def class_file() -> bytes:
    """Return the class as Java 8 and every later Java load it."""
    constants = _Constants()
    parent = "java/security/Provider"
    this_class = constants.class_(MISSING.replace(".", "/"))
    parent_class = constants.class_(parent)
    super_constructor = constants.method(
        parent, "<init>", "(Ljava/lang/String;DLjava/lang/String;)V"
    )
    code = struct.pack(
        ">BBBBBBBHB",
        _ALOAD_0,
        _LDC,
        constants.string("DeepSTORMStandIn"),
        _DCONST_1,
        _LDC,
        constants.string("offers nothing"),
        _INVOKESPECIAL,
        super_constructor,
        _RETURN,
    )
    max_stack, max_locals, handlers, attributes = 5, 1, 0, 0  # a double takes two places
    body = struct.pack(">HHI", max_stack, max_locals, len(code)) + code
    body += struct.pack(">HH", handlers, attributes)
    constructor = struct.pack(">HHHH", _PUBLIC, constants.utf8("<init>"), constants.utf8("()V"), 1)
    constructor += struct.pack(">HI", constants.utf8("Code"), len(body)) + body
    head = struct.pack(">IHH", 0xCAFEBABE, 0, _JAVA_8)
    kind = struct.pack(">HHHHH", _PUBLIC | _SUPER, this_class, parent_class, 0, 0)
    methods = struct.pack(">H", 1) + constructor
    return head + constants.to_bytes() + kind + methods + struct.pack(">H", 0)


def jar_file() -> bytes:
    """Return the jar: a manifest and the class."""
    files = {
        "META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\r\nCreated-By: Deep-STORM\r\n\r\n",
        MISSING.replace(".", "/") + ".class": class_file(),
    }
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as jar:
        for name, data in files.items():
            jar.writestr(zipfile.ZipInfo(name, _EPOCH), data)
    return memory.getvalue()
