"""Checks an evidence pack of Pincite with Python alone: python verify.py PACK.zip [PUBLIC_KEY].

Checked: the hash of each file, the seal of manifest.json, its Ed25519 signature (RFC 8032), each other byte of the ZIP.
Not checked: whose key it is, the time, if the sources are true. Anybody can make a pack without a signature.
"""

# fmt: off
import hashlib, io, json, sys, zipfile  # noqa: E401, I001

P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P

def _point(data: bytes) -> tuple[int, int]:
    sign, y = divmod(int.from_bytes(data, "little"), 2**255)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    root = pow(square, (P + 3) // 8, P)
    x = root if root * root % P == square else root * pow(2, (P - 1) // 4, P) % P
    if len(data) != 32 or y >= P or x * x % P != square or (sign and not x):
        raise ValueError("this is no point of the curve")
    return (x if x % 2 == sign else P - x), y

def _sum(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    (x, y), (u, v), product = one, other, D * one[0] * one[1] * other[0] * other[1] % P
    return (x * v + u * y) * pow(1 + product, -1, P) % P, (y * v + x * u) * pow(1 - product, -1, P) % P

def _times(count: int, point: tuple[int, int]) -> tuple[int, int]:
    half = _times(count // 2, _sum(point, point)) if count else (0, 1)
    return _sum(half, point) if count % 2 else half

def _is_signed(key: bytes, signature: bytes, message: bytes) -> bool:
    digest = hashlib.sha512(signature[:32] + key + message).digest()
    right = _sum(_point(signature[:32]), _times(int.from_bytes(digest, "little") % ORDER, _point(key)))
    scalar, base = int.from_bytes(signature[32:], "little"), (4 * pow(5, -1, P) % P).to_bytes(32, "little")
    return scalar < ORDER and _times(scalar, _point(base)) == right

def zipped(files: dict[str, bytes]) -> bytes:
    """Return the one ZIP that holds these files: no compression, no times, in this order."""
    with zipfile.ZipFile(buffer := io.BytesIO(), "w") as archive:
        for info, content in ((zipfile.ZipInfo(name), content) for name, content in files.items()):
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, content)
    return buffer.getvalue()

def check(pack: bytes, trusted_key: str = "") -> tuple[list[str], str | None]:
    """Return the faults of a pack, each with its place, and the public key that it names."""
    files, place = {}, "the directory of the ZIP"
    try:
        archive = zipfile.ZipFile(io.BytesIO(pack))
        for info in archive.infolist():
            place = info.filename
            files[place] = archive.read(info) if info.compress_type == 0 else b""
        others = files.keys() - {"manifest.json", "seal.txt"}
        listed, key = map(json.loads(manifest := files[place := "manifest.json"]).__getitem__, ("files", "key"))
        faults = [f"{name}: it is not the file that was packed" for name in sorted(others | listed.keys())
                  if hashlib.sha256(files.get(name, b"")).hexdigest() != listed.get(name)]
        signature = bytes.fromhex(files[place := "seal.txt"].decode().split("\n")[1])
        seal = f"{hashlib.sha256(manifest).hexdigest()}\n{signature.hex()}\n"[: None if key else 65]
        if files[place] != seal.encode() or (key and not _is_signed(bytes.fromhex(key), signature, manifest)):
            faults += ["manifest.json or seal.txt: one does not fit the other"]
        faults += ["manifest.json: it names another key"] * bool(trusted_key and key != trusted_key)
        if (again := zipped(files)) != pack:
            at = next((i for i in range(len(pack)) if again[i : i + 1] != pack[i : i + 1]), len(pack))
            faults += [f"byte {at:,} of the ZIP: it is not as it was packed"]
    except Exception as error:
        return [f"{place}: {error!r}"], None
    return faults, key

if __name__ == "__main__":
    faults, key = check(open(sys.argv[1], "rb").read(), *sys.argv[2:])  # noqa: SIM115
    sys.exit("\n".join(faults) or print("Intact, signed with the key:", key or "none"))  # noqa: T201
