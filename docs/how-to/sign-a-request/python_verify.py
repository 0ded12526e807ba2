# SPDX-License-Identifier: Apache-2.0
"""python_verify.py URL KEY.pem KEYID REQUEST.json GATEWAY.pub.pem: python_client.py, whose answer is believed
only when the gateway's signature binds it to the request."""
import base64, hashlib, pathlib, re, sys
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from python_client import ask, covered

def verify(answer, gateway_pem):
    """Raise ValueError or InvalidSignature unless the gateway answered this very request with these bytes."""
    request, fields = answer.request, answer.headers
    signed = re.fullmatch(r"gateway=(\(([^()]*)\);[^,]*)", fields.get("Signature-Input", ""))
    value = re.fullmatch(r"gateway=:([^:]*):", fields.get("Signature", ""))
    if not signed or not value or ';tag="yizheng-v1-response"' not in signed[1]:
        raise ValueError("the gateway did not sign this answer")
    if answer.status_code == 200 and "Audit-Receipt" not in fields:
        raise ValueError("the access was not recorded")
    label, _, member = request.headers["Signature-Input"].partition("=")
    lines = {f'"{name}";req': text for name, text in covered(request).items()}
    lines |= {f'"signature-input";key="{label}";req': member, '"@status"': str(answer.status_code)}
    names = ("content-type", "content-digest", "audit-receipt")
    lines |= {f'"{name}"': fields[name] for name in names if name in fields}
    listed = signed[2].split(" ")  # in the gateway's order
    if set(listed) != lines.keys():
        raise ValueError("the signature covers something else")
    base = "".join(f"{name}: {lines[name]}\n" for name in listed) + f'"@signature-params": {signed[1]}'
    raw = base64.b64decode(value[1], validate=True)
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    key = serialization.load_pem_public_key(gateway_pem)
    key.verify(utils.encode_dss_signature(r, s), base.encode(), ec.ECDSA(hashes.SHA256()))
    digest = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
    if fields["Content-Digest"] != f"sha-256=:{digest}:":
        raise ValueError("the body is not the one that was signed")

if __name__ == "__main__":
    answer = ask(*sys.argv[1:5])
    verify(answer, pathlib.Path(sys.argv[5]).read_bytes())
    print(answer.content.decode())
    sys.exit(answer.status_code != 200)
