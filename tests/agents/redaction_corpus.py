"""Texts with and without secrets for each rule of `redaction`, from documented formats, and some written by hand.

Sources: "Unique identifiers" in the user guide of IAM; RFC 7519 and 7515 (JWT), 7516 (JWE), 6750 (bearer tokens), 7468
(PEM), 4880 (PGP); ISO/IEC 7812 with the ranges of the card networks and their published numbers for tests; the IBAN
registry of SWIFT; RFC 5321 and 6531 (e-mail). Random numbers have a fixed seed: every run has the same texts.
"""

import base64
import json
import random
import string
import textwrap
import zlib
from collections.abc import Callable, Sequence

COUNT = 500
BASE32 = string.ascii_uppercase + "234567"
BASE64 = string.ascii_letters + string.digits + "+/"
BASE64URL = string.ascii_letters + string.digits + "-_"
ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"

# Where a secret stands in a record.
AROUND = (
    "2026-11-28T10:00:00Z INFO got {} from client",
    "value={}",
    "value={}; next=1",
    '{{"level":"info","value":"{}","n":1}}',
    '{{"level":"info","inner":"{{\\"value\\":\\"{}\\"}}"}}',
    "user said '{}'",
    "({})",
    "the value is {}.",
    "a,b,{},c",
    "<value>{}</value>",
    "{}",
    "\t{}\t",
    "https://shop.example/cart?id=7&value={}&x=1",
    "value: [{}]",
)

# A text, and the parts of it that must not be in the result.
Case = tuple[str, Sequence[str]]


def text_of(rng: random.Random, alphabet: str, least: int, most: int = 0) -> str:
    """Return random characters of an alphabet."""
    return "".join(rng.choices(alphabet, k=rng.randint(least, most or least)))


def _b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _access_key_id(rng: random.Random) -> Case:
    key = rng.choice(["AKIA", "AKIA", "ASIA", "ABIA", "ACCA"]) + text_of(rng, BASE32, 16)
    around = (
        *AROUND,
        "X-Amz-Credential={}/20261128/eu-west-1/s3/aws4_request",
        "X-Amz-Credential={}%2F20261128%2Feu-west-1",
    )
    return rng.choice(around).format(key), [key]


def _secret_access_key(rng: random.Random) -> Case:
    key = text_of(rng, BASE64, 40)
    around = (
        "aws_secret_access_key = {}",
        "AWS_SECRET_ACCESS_KEY={}",
        '{{"SecretAccessKey": "{}"}}',
        "secretKey: {}",
        "{}",
    )
    # PHP escapes slashes in JSON.
    key = key.replace("/", "\\/") if rng.random() < 0.1 else key
    return rng.choice((*around, *AROUND)).format(key), [key]


def _jwt(rng: random.Random) -> Case:
    size = {"HS256": 32, "HS512": 64, "RS256": 256, "ES256": 64, "PS384": 384, "EdDSA": 64, "none": 0}
    algorithm = rng.choice([*size])
    header = {"alg": algorithm, "typ": "JWT"} | ({"kid": text_of(rng, ALNUM, 8, 27)} if rng.random() < 0.5 else {})
    header = dict(rng.sample([*header.items()], len(header)))
    claims = {"sub": text_of(rng, ALNUM, 1, 36), "iat": rng.randint(10**9, 2 * 10**9), "scope": "read write"}
    separators = rng.choice([(",", ":"), (", ", ": ")])
    parts = [_b64url(json.dumps(part, separators=separators).encode()) for part in (header, claims)]
    if rng.random() < 0.1:
        # Encrypted: the key, the initialization vector, the ciphertext and the tag.
        parts = [
            _b64url(b'{"alg":"RSA-OAEP","enc":"A256GCM"}'),
            *(_b64url(rng.randbytes(n)) for n in (256, 12, 90, 16)),
        ]
    else:
        parts.append(_b64url(rng.randbytes(size[algorithm])))
    around = (*AROUND, "Authorization: Bearer {}", "Cookie: session={}; path=/")
    return rng.choice(around).format(".".join(parts)), [part for part in parts[1:] if part]


def _bearer(rng: random.Random) -> Case:
    kinds = ((HEX, 32, 64), (BASE64URL, 20, 86), (BASE64, 24, 88), (ALNUM + "._~-", 20, 40))
    token = text_of(rng, *rng.choice(kinds)) + rng.choice(["", "", "="])
    if rng.random() < 0.2:
        token = rng.choice(["ghp_", "sk-", "xoxb-", "glpat-"]) + text_of(rng, ALNUM, 20, 36)
    around = (
        "Authorization: Bearer {}",
        "authorization: bearer {}",
        "GET /cart AUTHORIZATION: BEARER {}",
        "curl -H 'Authorization: Bearer {}' https://shop.example",
        '{{"headers":{{"Authorization":"Bearer {}","Accept":"*/*"}}}}',
        '{{"request":"{{\\"authorization\\":\\"Bearer {}\\"}}"}}',
        "sent Bearer {} to the API",
        "GET /resource?access_token={}&p=q HTTP/1.1",
        '{{"access_token":"{}","token_type":"Bearer","expires_in":3600}}',
    )
    return rng.choice(around).format(token), [token]


def _pem(rng: random.Random) -> Case:
    label = rng.choice(["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY", "OPENSSH PRIVATE KEY"])
    headers: list[str] = []
    if rng.random() < 0.2:
        label, headers = (
            "RSA PRIVATE KEY",
            ["Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-256-CBC,0123456789ABCDEF0123456789ABCDEF", ""],
        )
    elif rng.random() < 0.2:
        label, headers = "PGP PRIVATE KEY BLOCK", ["Version: GnuPG v2", ""]
    body = base64.b64encode(b"\x30\x82" + rng.randbytes(rng.choice([48, 119, 609, 1191, 2349]))).decode()
    lines = textwrap.wrap(body, rng.choice([64, 64, 70, 76]))
    ends = ["=" + base64.b64encode(zlib.crc32(body.encode()).to_bytes(4, "big")[1:]).decode()] if "PGP" in label else []
    end = [f"-----END {label}-----"] if rng.random() < 0.9 else []
    whole = [f"-----BEGIN {label}-----", *headers, *lines, *ends, *end]
    joints = ("\n", "\n", "\\n", "\\n", "\\r\\n", "\\\\n", "\n    ", '\\n",\n"') if not headers else ("\n", "\\n")
    around = ("loaded key\n{}\ndone", '{{"key":"{}"}}', "KEY={}", "{}")
    return rng.choice(around).format(rng.choice(joints).join(whole)), [line for line in lines if len(line) > 23]


# Networks' ranges of first digits, and lengths.
NETWORKS: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("4", "4", (13, 16, 16, 16, 19)),
    ("51", "55", (16,)),
    ("2221", "2720", (16,)),
    ("34", "34", (15,)),
    ("37", "37", (15,)),
    ("6011", "6011", (16, 19)),
    ("644", "649", (16,)),
    ("65", "65", (16,)),
    ("300", "305", (14,)),
    ("36", "36", (14,)),
    ("3528", "3589", (16,)),
    ("62", "62", (16, 17, 18, 19)),
    ("6759", "6759", (12, 16, 19)),
)
PUBLISHED = (
    "378282246310005",
    "371449635398431",
    "30569309025904",
    "38520000023237",
    "6011111111111117",
    "6011000990139424",
    "3530111333300000",
    "3566002020360505",
    "5555555555554444",
    "5105105105105100",
    "2223003122003222",
    "4111111111111111",
    "4012888888881881",
    "4222222222222",
    "6200000000000005",
    "6759649826438453",
)


def checked(digits: str) -> str:
    """Return digits with Luhn's check digit."""
    total = sum(int(digit) * 2 % 9 if int(digit) not in (0, 9) else int(digit) for digit in digits[::-1][::2])
    return digits + str(-(total + sum(map(int, digits[::-1][1::2]))) % 10)


def _card_number(rng: random.Random) -> str:
    low, high, lengths = rng.choice(NETWORKS)
    start = str(rng.randint(int(low), int(high)))
    return checked(start + text_of(rng, string.digits, rng.choice(lengths) - len(start) - 1))


def printed(number: str, separator: str) -> str:
    """Return a card number in the groups in which cards have it."""
    sizes = (4, 6, 5) if len(number) in (14, 15) else (4, 4, 4, 4, 3)
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at : at + size])
        at += size
    return separator.join(part for part in parts if part)


def _card(rng: random.Random) -> Case:
    number = rng.choice(PUBLISHED) if rng.random() < 0.1 else _card_number(rng)
    number = printed(number, rng.choice(["", "", " ", "-"]))
    around = (
        *AROUND,
        '{{"pan":{},"cvv":"123"}}' if number.isdigit() else "{}",
        "charged {} 12/28",
        "id 42 {}",
        "PAN:{}",
    )
    return rng.choice(around).format(number), [number]


# Structure of the account number: n digits, a letters, c either. From SWIFT's registry.
STRUCTURES = {
    "AT": "16n",
    "BE": "12n",
    "CH": "5n12c",
    "CZ": "20n",
    "DE": "18n",
    "DK": "14n",
    "ES": "20n",
    "FI": "14n",
    "FR": "10n11c2n",
    "GB": "4a14n",
    "GR": "7n16c",
    "HU": "24n",
    "IE": "4a14n",
    "IT": "1a10n12c",
    "LI": "5n12c",
    "LT": "16n",
    "LU": "3n13c",
    "MT": "4a5n18c",
    "NL": "4a10n",
    "NO": "11n",
    "PL": "24n",
    "PT": "21n",
    "RO": "4a16c",
    "SA": "2n18c",
    "SE": "20n",
    "TR": "6n16c",
    "AE": "19n",
    "BR": "23n1a1c",
    "IL": "19n",
    "KW": "4a22c",
    "QA": "4a21c",
    "SK": "20n",
    "SI": "15n",
    "UA": "6n19c",
    "VA": "18n",
}


def iban_of(country: str, account: str) -> str:
    """Return an IBAN with its check digits."""
    number = int("".join(str(int(letter, 36)) for letter in f"{account}{country}00"))
    return f"{country}{98 - number % 97:02}{account}"


def _account(rng: random.Random, structure: str) -> str:
    alphabets = {"n": string.digits, "a": string.ascii_uppercase, "c": string.digits + string.ascii_uppercase}
    made, size = "", ""
    for letter in structure:
        if letter.isdigit():
            size += letter
        else:
            made, size = made + text_of(rng, alphabets[letter], int(size)), ""
    return made


def _iban(rng: random.Random) -> Case:
    country = rng.choice([*STRUCTURES])
    number = iban_of(country, _account(rng, STRUCTURES[country]))
    number = rng.choice([" ", "-"]).join(textwrap.wrap(number, 4)) if rng.random() < 0.5 else number
    number = number.lower() if rng.random() < 0.2 else number
    return rng.choice((*AROUND, "IBAN {} EUR 12.00", "iban:{}")).format(number), [number]


def _email(rng: random.Random) -> Case:
    names = (
        "alice",
        "bob.smith",
        "carol+news",
        "d_e-f",
        "x",
        "UPPER.Case",
        "o'brien",
        "a.b.c.d",
        "1234",
        "jörg",
        "用户",
        "info%shop",
    )
    domains = (
        "example.com",
        "mail.example.co.uk",
        "EXAMPLE.ORG",
        "163.com",
        "a-b.example",
        "x.photography",
        "xn--bcher-kva.example",
    )
    name = (
        rng.choice(names)
        if rng.random() < 0.5
        else text_of(rng, string.ascii_lowercase + string.digits + "._-", 1, 30).strip(".-_") + "x"
    )
    domain = rng.choice(
        (
            *domains,
            text_of(rng, string.ascii_lowercase, 1, 20)
            + rng.choice([".com", ".de", ".io", ".dev", ".museum", ".xn--p1ai"]),
        )
    )
    mark = rng.choice(["@"] * 8 + ["%40", "\\u0040"])
    around = (*AROUND, "mailto:{}", "From: Alice <{}>", "to=<{}>, relay=mx", "alice, {}: hello", '"Alice" <{}>, "Bob"')
    return rng.choice(around).format(f"{name}{mark}{domain}"), [f"{name}{mark}{domain}"]


TRUE: dict[str, Callable[[random.Random], Case]] = {
    "aws-access-key-id": _access_key_id,
    "aws-secret-access-key": _secret_access_key,
    "jwt": _jwt,
    "bearer-token": _bearer,
    "pem-private-key": _pem,
    "card-number": _card,
    "iban": _iban,
    "email": _email,
}


def true_cases(rule: str) -> list[Case]:
    """Return texts with a secret of a rule."""
    rng = random.Random(f"true {rule}")
    found = dict(HARD.get(rule, ()))
    while len(found) < COUNT:
        found |= [TRUE[rule](rng)]
    return [*found.items()]


# Written by hand.
HARD: dict[str, list[Case]] = {
    "aws-access-key-id": [
        ("AKIAIOSFODNN7EXAMPLE", ["AKIAIOSFODNN7EXAMPLE"]),
        ("id:AKIAI44QH8DHBEXAMPLE.", ["AKIAI44QH8DHBEXAMPLE"]),
    ],
    "aws-secret-access-key": [
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ["wJalrXUtnFEMI/K7MDENG"]),
        ("AKIAI44QH8DHBEXAMPLE,je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY", ["je7MtGbClwBF"]),
    ],
    "bearer-token": [
        ("Authorization: Bearer mF_9.B5f-4.1JqM", ["mF_9.B5f-4.1JqM"]),
        ("GET /resource?access_token=mF_9.B5f-4.1JqM HTTP/1.1", ["mF_9.B5f-4.1JqM"]),
        ('{"access_token":"2YotnFZFEjr1zCsicMWpAA"}', ["2YotnFZFEjr1zCsicMWpAA"]),
        ("authorization: Bearer changeme", ["changeme"]),
    ],
    "card-number": [
        ('{"pan":4111111111111111}', ["4111111111111111"]),
        ("4111 1111 1111 1111 123 12/28", ["4111 1111 1111 1111"]),
        ("cards 4111111111111111,5555555555554444", ["4111111111111111", "5555555555554444"]),
        ("ref-12 3782 822463 10005", ["3782 822463 10005"]),
    ],
    "iban": [
        ("GB82 WEST 1234 5698 7654 32", ["GB82 WEST 1234 5698 7654 32"]),
        ("DE89370400440532013000", ["DE89370400440532013000"]),
        ("to NO93 8601 1117 947 NOK", ["NO93 8601 1117 947"]),
        ("MT84MALT011000012345MTLCAST001S", ["MT84MALT011000012345MTLCAST001S"]),
    ],
    "email": [
        ("login of alice@example.com.", ["alice@example.com"]),
        ("GET /?mail=alice%40example.com&x=1", ["alice%40example.com"]),
        ("alice@example.com: no such user", ["alice@example.com"]),
        ("o'brien@example.com", ["o'brien@example.com"]),
    ],
}
