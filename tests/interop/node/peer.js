// SPDX-License-Identifier: Apache-2.0
// The npm library http-message-signatures as a peer: one JSON order on stdin, one JSON answer on stdout.
//
//   {"do": "sign" | "verify", "algorithm", "key", "keyid", "tag", "nonce", "name", "fields",
//    "message": {…}, "request": {…} or null}
"use strict";

const fs = require("node:fs");
const { createSigner, createVerifier, httpbis } = require("http-message-signatures");

async function sign(order) {
  const signed = await httpbis.signMessage(
    {
      key: createSigner(order.key, order.algorithm, order.keyid),
      name: order.name,
      fields: order.fields,
      params: ["created", "nonce", "keyid", "alg", "tag"],
      paramValues: { nonce: order.nonce, tag: order.tag },
    },
    order.message,
    order.request ?? undefined,
  );
  return signed.headers;
}

function verify(order) {
  const verifier = createVerifier(order.key, order.algorithm);
  const key = { id: order.keyid, algs: [order.algorithm], verify: verifier };
  return httpbis.verifyMessage(
    {
      keyLookup: async ({ keyid, tag }) => (keyid === order.keyid && tag === order.tag ? key : null),
      requiredParams: ["created", "keyid", "tag"],
    },
    order.message,
    order.request ?? undefined,
  );
}

async function main() {
  const order = JSON.parse(fs.readFileSync(0, "utf8"));
  const answer = order.do === "sign" ? await sign(order) : await verify(order).catch(() => false);
  process.stdout.write(JSON.stringify(answer));
}

main();
