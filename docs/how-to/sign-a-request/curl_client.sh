#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# curl_client.sh URL KEY.pem KEYID REQUEST.json: one signed lookup with openssl and curl.
set -eu
url=$1 key=$2 keyid=$3 request=$4
authority=$(printf %s "${url#*://}" | tr '[:upper:]' '[:lower:]')

digest=$(openssl dgst -sha256 -binary "$request" | openssl base64 -A)
nonce=$(openssl rand -base64 18 | tr '+/' '-_')
member="(\"@method\" \"@authority\" \"@path\" \"@query\" \"content-type\" \"content-digest\")"
member="$member;created=$(date +%s);nonce=\"$nonce\";keyid=\"$keyid\";tag=\"yizheng-v1\""

# The base: LF between lines, none at the end. openssl prints DER; its two integers are r and s.
hex=$(printf '"@method": POST\n"@authority": %s\n"@path": /v1/lookups\n"@query": ?\n"content-type": application/json\n"content-digest": sha-256=:%s:\n"@signature-params": %s' \
    "$authority" "$digest" "$member" |
    openssl dgst -sha256 -sign "$key" |
    openssl asn1parse -inform DER |
    awk -F: '/INTEGER/ { v = $NF; while (length(v) < 64) v = "0" v; printf "%s", substr(v, length(v) - 63) }')
octal=$(printf %s "$hex" | awk '{
    digits = "0123456789ABCDEF"
    for (i = 1; i < length($0); i += 2)
        printf "\\%03o", 16 * (index(digits, substr($0, i, 1)) - 1) + index(digits, substr($0, i + 1, 1)) - 1
}')
signature=$(printf "$octal" | openssl base64 -A)

# --data-binary sends the file byte for byte; --data would drop its line ends.
curl --silent --show-error --fail-with-body "$url/v1/lookups" \
    -H "Content-Type: application/json" \
    -H "Content-Digest: sha-256=:$digest:" \
    -H "Signature-Input: sig1=$member" \
    -H "Signature: sig1=:$signature:" \
    --data-binary "@$request"
