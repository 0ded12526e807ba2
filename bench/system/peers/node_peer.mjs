// SPDX-License-Identifier: Apache-2.0
// What one would build in Node: node:http, RFC 9421 verified and signed by hand with node:crypto,
// answers in a Map, and an append to an access log (a stream, without fsync). It knows no nonce, no
// policy, no seal and no tamper evidence. No package but Node's own.
//
//   node node_peer.mjs KEYID KEY.pub.pem SIGNING-KEYID SIGNING-KEY.pem ANSWER.json RECEIPT LOG

import { createHash, createPrivateKey, createPublicKey, randomBytes, sign, verify } from 'node:crypto';
import { createWriteStream, readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [keyid, publicFile, signingKeyid, privateFile, answerFile, receipt, logFile] = process.argv.slice(2);
const verifying = { key: createPublicKey(readFileSync(publicFile)), dsaEncoding: 'ieee-p1363' };
const signing = { key: createPrivateKey(readFileSync(privateFile)), dsaEncoding: 'ieee-p1363' };
const answer = JSON.parse(readFileSync(answerFile, 'utf8'));
const log = createWriteStream(logFile, { flags: 'a' });
const cache = new Map();

const INPUT = /^([a-z][a-z0-9]*)=(\(("[@a-z0-9-]+"(?: "[@a-z0-9-]+")*)\);created=(\d+);nonce="([A-Za-z0-9_-]{22,64})";keyid="([^"]+)"(?:;alg="([^"]+)")?;tag="yizheng-v1")$/;
const REQUIRED = ['"@method"', '"@authority"', '"@path"', '"@query"', '"content-type"', '"content-digest"'];
const digestOf = (body) => `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;

function valueOf(name, request) {
  switch (name) {
    case '@method': return request.method;
    case '@authority': return request.headers.host.toLowerCase();
    case '@path': return request.url.split('?', 1)[0];
    case '@query': return `?${request.url.split('?').slice(1).join('?')}`;
    default: return request.headers[name];
  }
}

function verifySignature(request, body) {
  const found = INPUT.exec(request.headers['signature-input'] ?? '');
  if (!found || found[6] !== keyid) return null;
  const [, label, member, inner] = found;
  const names = inner.split(' ');
  if (!REQUIRED.every((name) => names.includes(name))) return null;
  if (request.headers['content-digest'] !== digestOf(body)) return null;
  const values = names.map((name) => valueOf(name.slice(1, -1), request));
  if (values.includes(undefined)) return null;
  const lines = names.map((name, at) => `${name}: ${values[at]}\n`).join('');
  const head = `${label}=:`;
  const field = request.headers.signature ?? '';
  if (!field.startsWith(head) || !field.endsWith(':')) return null;
  const value = Buffer.from(field.slice(head.length, -1), 'base64');
  const isTrue = verify('sha256', Buffer.from(`${lines}"@signature-params": ${member}`), verifying, value);
  return isTrue ? { label, member, names, values, nonce: found[5] } : null;
}

function signAnswer(body, asked) {
  const digest = digestOf(body);
  const echo = asked.names.map((name) => `${name};req`);
  const last = `"signature-input";key="${asked.label}";req`;
  const listed = ['"@status"', '"content-type"', '"content-digest"', '"audit-receipt"', ...echo, last];
  const values = ['200', 'application/json', digest, receipt, ...asked.values, asked.member];
  const member = `(${listed.join(' ')});created=${Math.floor(Date.now() / 1000)}`
    + `;keyid="${signingKeyid}";alg="ecdsa-p256-sha256";tag="yizheng-v1-response"`;
  const base = listed.map((name, at) => `${name}: ${values[at]}\n`).join('') + `"@signature-params": ${member}`;
  return {
    'Content-Type': 'application/json',
    'Content-Length': body.length,
    'Content-Digest': digest,
    'Audit-Receipt': receipt,
    'Signature-Input': `gateway=${member}`,
    Signature: `gateway=:${sign('sha256', Buffer.from(base), signing).toString('base64')}:`,
  };
}

function respond(request, response, body) {
  const asked = verifySignature(request, body);
  if (asked === null) {
    response.writeHead(401).end();
    return;
  }
  const lookup = JSON.parse(body);
  let found = cache.get(lookup.holder.number);
  if (found === undefined) cache.set(lookup.holder.number, (found = answer));
  const request_id = randomBytes(16).toString('hex');
  const why = lookup.attribution;
  log.write(`${JSON.stringify({
    at: Date.now(), id: request_id, keyid, nonce: asked.nonce, item: why.item, case: why.case,
    purpose: why.purpose, operator: why.operator.id, certificate: lookup.certificate, fields: lookup.fields,
  })}\n`);
  const reply = Buffer.from(JSON.stringify({ ...found, request_id }));
  response.writeHead(200, signAnswer(reply, asked)).end(reply);
}

const server = createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => respond(request, response, parts.length === 1 ? parts[0] : Buffer.concat(parts)));
});
server.keepAliveTimeout = 75_000;
server.listen(0, '127.0.0.1', 1024, () => console.log(JSON.stringify({ port: server.address().port })));
process.on('SIGTERM', () => process.exit(0));
