# SPDX-License-Identifier: Apache-2.0
"""python_client.py URL KEY.pem KEYID REQUEST.json: one signed lookup; needs `cryptography`."""
import base64, hashlib, secrets, sys, time, urllib.error, urllib.request
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

url, key_file, keyid, request_file = sys.argv[1:5]
key = serialization.load_pem_private_key(open(key_file, "rb").read(), password=None)
body = open(request_file, "rb").read()  # serialised once: digested, signed and sent as it is

digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
covered = {
    "@method": "POST",
    "@authority": urlsplit(url).netloc.lower(),  # without :80 for http and :443 for https
    "@path": "/v1/lookups",
    "@query": "?",
    "content-type": "application/json",
    "content-digest": f"sha-256=:{digest}:",
}
names = " ".join(f'"{name}"' for name in covered)
nonce = secrets.token_urlsafe(18)
member = f'({names});created={int(time.time())};nonce="{nonce}";keyid="{keyid}";tag="yizheng-v1"'
base = "".join(f'"{name}": {value}\n' for name, value in covered.items()) + f'"@signature-params": {member}'
r, s = decode_dss_signature(key.sign(base.encode(), ec.ECDSA(hashes.SHA256())))  # DER → r‖s
signature = base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()
headers = {name: value for name, value in covered.items() if not name.startswith("@")}
headers |= {"Signature-Input": f"sig1={member}", "Signature": f"sig1=:{signature}:"}
try:
    answer = urllib.request.urlopen(urllib.request.Request(f"{url}/v1/lookups", body, headers))
except urllib.error.HTTPError as refusal:
    answer = refusal
print(answer.read().decode())
sys.exit(answer.status != 200)
