# SPDX-License-Identifier: Apache-2.0
"""python_client.py URL KEY.pem KEYID REQUEST.json: one signed lookup; needs `requests`, `cryptography`."""
import base64, hashlib, pathlib, secrets, sys, time
from urllib.parse import urlsplit
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

def covered(request):
    """The six components and their values, from the request as it will be sent."""
    url = urlsplit(request.url)
    default_port = {"http": ":80", "https": ":443"}[url.scheme]
    authority = url.netloc.lower().removesuffix(default_port)
    derived = {"@method": request.method, "@authority": authority, "@path": url.path, "@query": f"?{url.query}"}
    return derived | {name: request.headers[name] for name in ("content-type", "content-digest")}

def ask(url, key_file, keyid, request_file):
    """Sign the request in the file, send it, and return what came back."""
    body = pathlib.Path(request_file).read_bytes()  # data=, never json=: the bytes digested are the bytes sent
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    headers = {"Content-Type": "application/json", "Content-Digest": f"sha-256=:{digest}:"}
    request = requests.Request("POST", f"{url}/v1/lookups", headers, data=body).prepare()
    lines = covered(request)
    names = " ".join(f'"{name}"' for name in lines)
    nonce = secrets.token_urlsafe(18)
    member = f'({names});created={int(time.time())};nonce="{nonce}";keyid="{keyid}";tag="yizheng-v1"'
    base = "".join(f'"{name}": {value}\n' for name, value in lines.items()) + f'"@signature-params": {member}'
    key = serialization.load_pem_private_key(pathlib.Path(key_file).read_bytes(), password=None)
    r, s = utils.decode_dss_signature(key.sign(base.encode(), ec.ECDSA(hashes.SHA256())))  # DER → r‖s
    signature = base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()
    request.headers.update({"Signature-Input": f"sig1={member}", "Signature": f"sig1=:{signature}:"})
    with requests.Session() as session:
        return session.send(request, timeout=30)

if __name__ == "__main__":
    answer = ask(*sys.argv[1:5])
    print(answer.content.decode())
    sys.exit(answer.status_code != 200)
