// SPDX-License-Identifier: Apache-2.0
// node node.mjs URL KEY.pem KEYID REQUEST.json [GATEWAY.pub.pem]: one signed lookup; with the
// gateway's public key the answer is verified before it is printed. Node 18 or later, no packages.
import { createHash, randomBytes, sign, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { request as requestTls } from "node:https";

const [url, keyFile, keyid, requestFile, gatewayFile] = process.argv.slice(2);
const target = new URL("/v1/lookups", url);
const body = readFileSync(requestFile); // digested, signed and sent as it is
const digestOf = (bytes) => `sha-256=:${createHash("sha256").update(bytes).digest("base64")}:`;

const covered = {
  "@method": "POST",
  "@authority": target.host, // lower case, without the default port
  "@path": target.pathname,
  "@query": "?",
  "content-type": "application/json",
  "content-digest": digestOf(body),
};
const names = Object.keys(covered).map((name) => `"${name}"`).join(" ");
const nonce = randomBytes(18).toString("base64url");
const member =
  `(${names});created=${Math.floor(Date.now() / 1000)};nonce="${nonce}";keyid="${keyid}";tag="yizheng-v1"`;
const lines = Object.entries(covered).map(([name, value]) => `"${name}": ${value}\n`);
const base = `${lines.join("")}"@signature-params": ${member}`;
// "ieee-p1363" is r‖s; the default is DER, which is refused.
const key = { key: readFileSync(keyFile), dsaEncoding: "ieee-p1363" };
const signature = sign("sha256", Buffer.from(base), key).toString("base64");

const headers = {
  "Content-Type": covered["content-type"],
  "Content-Digest": covered["content-digest"],
  "Content-Length": body.length,
  "Signature-Input": `sig1=${member}`,
  Signature: `sig1=:${signature}:`,
};
const send = target.protocol === "https:" ? requestTls : request;
const [status, fields, answer] = await new Promise((resolve, reject) => {
  const call = send(target, { method: "POST", headers }, (response) => {
    const parts = [];
    response.on("data", (part) => parts.push(part));
    response.on("end", () => resolve([response.statusCode, response.headers, Buffer.concat(parts)]));
  });
  call.on("error", reject);
  call.end(body);
});

/** Throws unless the gateway's signature binds this answer to this request. */
function verifyAnswer(gatewayKey) {
  const [, params] = /^gateway=(.*)$/.exec(fields["signature-input"] ?? "") ?? [];
  const [, value] = /^gateway=:(.*):$/.exec(fields.signature ?? "") ?? [];
  if (!params || !value) throw new Error("the answer is not signed");
  const listed = /^\(([^)]*)\)/.exec(params)[1].split(" ");
  const required = ['"@status"', '"content-type"', '"content-digest"'];
  if (status === 200) required.push('"audit-receipt"');
  required.push(...names.split(" ").map((name) => `${name};req`), '"signature-input";key="sig1";req');
  if (required.some((name) => !listed.includes(name))) throw new Error("the signature covers too little");
  const valueOf = (name) => {
    if (name === '"@status"') return String(status);
    if (name === '"signature-input";key="sig1";req') return member;
    const [, plain, req] = /^"([^"]+)"(;req)?$/.exec(name);
    return req ? covered[plain] : fields[plain];
  };
  const signed = listed.map((name) => `${name}: ${valueOf(name)}\n`).join("");
  const message = Buffer.from(`${signed}"@signature-params": ${params}`);
  const pinned = { key: gatewayKey, dsaEncoding: "ieee-p1363" };
  if (!params.includes(';tag="yizheng-v1-response"')) throw new Error("another tag");
  if (!verify("sha256", message, pinned, Buffer.from(value, "base64"))) throw new Error("not the gateway's");
  if (fields["content-digest"] !== digestOf(answer)) throw new Error("another body");
}

if (gatewayFile) verifyAnswer(readFileSync(gatewayFile));
console.log(answer.toString());
process.exitCode = status === 200 ? 0 : 1;
