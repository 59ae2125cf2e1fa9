"""Texts without a secret that look like ones with, for each rule of `redaction`; see redaction_corpus.py."""

import base64
import json
import random
import string
import textwrap
from collections.abc import Callable

from .redaction_corpus import (
    ALNUM,
    AROUND,
    BASE32,
    BASE64,
    BASE64URL,
    COUNT,
    HEX,
    NETWORKS,
    STRUCTURES,
    checked,
    iban_of,
    printed,
    text_of,
)

WORDS = (
    "authentication",
    "authorization",
    "order",
    "checkout",
    "internationalization",
    "service",
    "handler",
    "customer",
    "token",
    "expired",
    "repository",
    "configuration",
    "request",
    "unavailable",
    "payload",
    "invalid",
    "Shopping",
    "Cart",
    "Payment",
)


def _uuid(rng: random.Random) -> str:
    return "-".join(text_of(rng, HEX, size) for size in (8, 4, 4, 4, 12))


def _words(rng: random.Random, count: int, separator: str) -> str:
    return separator.join(rng.choice(WORDS) for _ in range(count))


def _access_key_id(rng: random.Random) -> str:
    """IDs of users and roles, which are no credentials; wrong lengths, and parts of longer words."""
    prefix = rng.choice(["AIDA", "AROA", "AGPA", "ANPA", "AIPA", "APKA"])
    return rng.choice(
        [
            prefix + text_of(rng, BASE32, 16),
            f"arn:aws:sts::111122223333:assumed-role/{prefix}{text_of(rng, BASE32, 16)}",
            f"AKIA{text_of(rng, BASE32, 15)}",
            f"AKIA{text_of(rng, BASE32, 17, 30)}",
            f"x{'AKIA'}{text_of(rng, BASE32, 16)}",
            f"AKIA{text_of(rng, string.ascii_lowercase, 16)}",
            f"AKIA {text_of(rng, BASE32, 16)}",
            text_of(rng, BASE32.replace("A", ""), 20),
            "no AKIA or ASIA here",
        ]
    )


def _secret_access_key(rng: random.Random) -> str:
    """Hashes, digests, paths, names and base64 of other lengths."""
    return rng.choice(
        [
            text_of(rng, HEX, 40),
            text_of(rng, HEX, 40).upper(),
            text_of(rng, HEX, 64),
            _uuid(rng),
            text_of(rng, BASE64, 39),
            text_of(rng, BASE64, 41),
            text_of(rng, BASE64, 64, 200),
            base64.b64encode(rng.randbytes(28)).decode(),
            base64.b64encode(rng.randbytes(32)).decode(),
            text_of(rng, BASE64URL, 43),
            text_of(rng, string.digits, 40),
            ("/" + _words(rng, 6, "/"))[:40],
            _words(rng, 8, "")[:40],
            f"node-{text_of(rng, ALNUM, 40)}",
            f"git commit {text_of(rng, HEX, 40)}",
        ]
    )


def _jwt(rng: random.Random) -> str:
    """Base64 of JSON, dotted names, and three parts whose first one is not a header."""
    data = (
        base64.urlsafe_b64encode(json.dumps({"id": text_of(rng, ALNUM, 8), "typ": "page"}).encode())
        .decode()
        .rstrip("=")
    )
    return rng.choice(
        [
            data,
            f"{data}.{text_of(rng, BASE64URL, 20)}",
            f"{data}.{text_of(rng, BASE64URL, 20)}.{text_of(rng, BASE64URL, 43)}",
            f"v{rng.randint(1, 9)}.{rng.randint(0, 99)}.{rng.randint(0, 99)}",
            _words(rng, 4, "."),
            f"{text_of(rng, BASE64URL, 20)}.{text_of(rng, BASE64URL, 40)}.{text_of(rng, BASE64URL, 43)}",
            "eyJabc.def.ghi",
            f"eyJ{text_of(rng, ALNUM, 10)}.example.com",
            f"cursor={data}&limit=10",
        ]
    )


def _bearer(rng: random.Random) -> str:
    """Prose, challenges of WWW-Authenticate, placeholders, and words that end with bearer."""
    return rng.choice(
        [
            f"Bearer {_words(rng, 1, '')} failed",
            f"bearer {_words(rng, 3, '-')} is not supported",
            f"a forbearer {text_of(rng, ALNUM, 20)}",
            f'WWW-Authenticate: Bearer realm="{_words(rng, 1, "")}", error="invalid_token"',
            "Authorization: Bearer ***",
            "Authorization: Bearer null",
            "Authorization: Bearer <token>",
            "Authorization: Basic YWxpY2U6c2VjcmV0",
            f"standard-bearer no. {rng.randint(1, 999)}",
            "access_token=undefined",
            'access_token: "" expired',
            f"the bearer of request {_uuid(rng)}",
            f"token type bearer, id {text_of(rng, HEX, 12)}",
        ]
    )


def _pem(rng: random.Random) -> str:
    """Certificates, public keys, and texts about private keys."""
    label = rng.choice(
        ["CERTIFICATE", "PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE REQUEST", "PGP PUBLIC KEY BLOCK", "PGP MESSAGE"]
    )
    body = rng.choice(["\n", "\\n"]).join(textwrap.wrap(base64.b64encode(rng.randbytes(300)).decode(), 64))
    return rng.choice(
        [
            f"-----BEGIN {label}-----\n{body}\n-----END {label}-----",
            f"could not find -----BEGIN RSA PRIVATE KEY----- in {_words(rng, 3, ' ')}",
            "expected -----BEGIN PRIVATE KEY----- and -----END PRIVATE KEY-----",
            f"-----END RSA PRIVATE KEY----- {body}",
            f"ssh-ed25519 {text_of(rng, BASE64, 68)} alice",
            f"BEGIN PRIVATE KEY {_words(rng, 5, ' ')}",
            f"---BEGIN RSA PRIVATE KEY---\n{body}",
        ]
    )


def _card(rng: random.Random) -> str:
    """Wrong check digits, other networks, parts of longer numbers, times, identifiers; a tenth are any 16 digits."""
    low, high, lengths = rng.choice(NETWORKS)
    start = str(rng.randint(int(low), int(high)))
    right = checked(start + text_of(rng, string.digits, lengths[0] - len(start) - 1))
    wrong = right[:-1] + str((int(right[-1]) + rng.randint(1, 9)) % 10)
    if rng.random() < 0.1:
        return rng.choice(AROUND).format(str(rng.randint(10**15, 10**16 - 1)))
    return rng.choice(
        [
            rng.choice(AROUND).format(printed(wrong, rng.choice(["", " ", "-"]))),
            rng.choice(AROUND).format(checked(rng.choice("178") + text_of(rng, string.digits, 14))),
            f"{right}{text_of(rng, string.digits, 5, 9)}",
            f"0.{right}",
            f"{right}.{rng.randint(10, 99)}",
            f"id{right}",
            f"{right[:5]} {right[5:9]} {right[9:]}",
            str(rng.randint(1_600_000_000_000, 1_900_000_000_000)),
            str(rng.randint(1_600_000_000_000_000_000, 1_900_000_000_000_000_000)),
            _uuid(rng),
            text_of(rng, HEX, 32),
            f"+49 {text_of(rng, string.digits, 3)} {text_of(rng, string.digits, 8)}",
            f"2026-11-{rng.randint(10, 28)} {rng.randint(10, 23)}:00:00.{text_of(rng, string.digits, 9)}",
        ]
    )


def _iban(rng: random.Random) -> str:
    """Wrong check digits, lengths and countries, and identifiers that begin alike."""
    country = rng.choice([*STRUCTURES])
    digits = text_of(rng, string.digits, 18)
    right = iban_of("DE", digits)
    wrong = f"DE{(int(right[2:4]) + rng.randint(1, 90)) % 97 + 2:02}{digits}"
    wrong = wrong if wrong != right else f"DE00{digits}"
    return rng.choice(
        [
            rng.choice(AROUND).format(wrong),
            " ".join(textwrap.wrap(wrong, 4)),
            rng.choice(AROUND).format(right[:-1]),
            f"{right}{text_of(rng, string.digits, 1, 3)}",
            f"X{right}",
            iban_of(rng.choice(["ZZ", "US", "AA", "QQ"]), digits),
            f"{country}{text_of(rng, string.digits, 9)}",
            f"{country}{text_of(rng, string.digits, 2)} {_words(rng, 4, ' ').upper()}",
            text_of(rng, HEX, 32).upper(),
            f"SW1A 1AA {text_of(rng, ALNUM, 12)}",
        ]
    )


def _email(rng: random.Random) -> str:
    """Units, images, packages, repositories, URLs with users, mentions and hosts without a domain."""
    return rng.choice(
        [
            f"getty@tty{rng.randint(1, 9)}.service: started",
            f"user@{rng.randint(1000, 9999)}.service",
            f"serving icon@{rng.randint(2, 3)}x.png",
            f"git@github.com:org/{rng.choice(WORDS)}",
            f"npm install lodash@4.17.{rng.randint(0, 30)}",
            f"@types/node@{rng.randint(1, 22)}.{rng.randint(0, 9)}.1",
            f"https://{rng.choice(WORDS)}@proxy.example.com/path",
            f"postgres://app@db.example.com:5432/{rng.choice(WORDS)}",
            f"thanks @{rng.choice(WORDS)}.",
            f"shop.{rng.choice(WORDS)}@{text_of(rng, HEX, 8)}",
            f"root@localhost logged in {rng.randint(1, 9)} times",
            f"image shop@sha256:{text_of(rng, HEX, 64)}",
            f"{rng.choice(WORDS)} @ example.com",
            f"alice at example dot com {rng.randint(1, 9)}",
            f"a@b@{rng.randint(1, 9)}",
            f"pkg@1.2.{rng.randint(0, 9)}-rc.beta",
        ]
    )


FALSE: dict[str, Callable[[random.Random], str]] = {
    "aws-access-key-id": _access_key_id,
    "aws-secret-access-key": _secret_access_key,
    "jwt": _jwt,
    "bearer-token": _bearer,
    "pem-private-key": _pem,
    "card-number": _card,
    "iban": _iban,
    "email": _email,
}


def false_cases(rule: str) -> list[str]:
    """Return texts without a secret of a rule."""
    rng = random.Random(f"false {rule}")
    found: dict[str, None] = {}
    while len(found) < COUNT:
        found[FALSE[rule](rng)] = None
    return [*found]
