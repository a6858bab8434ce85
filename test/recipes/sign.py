"""Signs an external URL: python3 sign.py <base> <key> <url> [<unix seconds of expiry>]"""

import base64
import hashlib
import hmac
import sys


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def sign(base: str, key: str, url: str, expires_at: int | None = None) -> str:
    target = "v2/" + encode(url.encode())
    query = "" if expires_at is None else f"?ex={expires_at}"
    signature = hmac.new(key.encode(), (target + query).encode(), hashlib.sha256).digest()
    return f"{base}/external/{encode(signature)}/{target}{query}"


if __name__ == "__main__":
    base, key, url, *rest = sys.argv[1:]
    print(sign(base, key, url, int(rest[0]) if rest else None))
