# SPDX-License-Identifier: Apache-2.0
"""Every mistake that can be named, with how to mend it (docs/how-to/mend-a-signature.md)."""

from typing import Final

import msgspec

from gateway.errors import Text


class Cause(msgspec.Struct, frozen=True):
    """One mistake of an integrator.

    Attributes:
        id: stable slug; the heading of its paragraph in the how-to page.
        title: what was done.
        mend: what to do instead.
    """

    id: str
    title: Text
    mend: Text


def _row(name: str, en: str, zh: str, mend_en: str, mend_zh: str) -> tuple[str, Cause]:
    return name, Cause(name, Text(en, zh), Text(mend_en, mend_zh))


# fmt: off
CAUSES: Final = dict((
    # ---- the signature fields --------------------------------------------------------------
    _row("signature-missing", "Signature-Input or Signature is absent", "缺少 Signature-Input 或 Signature 头",
         "Send both fields; see that no proxy strips them.", "请同时发送两个头，并确认代理没有删除它们。"),
    _row("label-mismatch", "The two fields use different labels", "两个头使用的标签不一致",
         "Write the same label before = in Signature-Input and in Signature.", "Signature-Input 与 Signature 等号前的标签须相同。"),
    _row("tag-unknown", "No signature has our tag", "没有签名带本协议的 tag",
         'Add ;tag="yizheng-v1" to the parameters, and sign them.', '请在参数中加入 ;tag="yizheng-v1" 并一并签名。'),
    _row("quotes-missing", "Component names or string parameters are not quoted", "组件名或字符串参数缺少双引号",
         'Quote each component and keyid, nonce, tag, alg: ("@method");keyid="k".', '组件名以及 keyid、nonce、tag、alg 都须加双引号。'),
    _row("list-commas", "The components are parted by commas", "组件之间使用了逗号",
         "Part the components by exactly one space.", "组件之间只用一个空格分隔。"),
    _row("component-case", "A component's name is not lower-case", "组件名不是小写",
         'Write "content-type", not "Content-Type".', '请写 "content-type"，而不是 "Content-Type"。'),
    _row("component-unsupported", "A derived component is not supported", "使用了不支持的派生组件",
         "Cover @method @authority @path @query; not @target-uri, @scheme or @request-target.", "请覆盖 @method @authority @path @query，不要使用 @target-uri、@scheme、@request-target。"),
    _row("component-missing", "The signature does not cover all that it must", "签名未覆盖全部必需组件",
         'Cover "@method" "@authority" "@path" "@query" "content-type" "content-digest".', '须覆盖 "@method" "@authority" "@path" "@query" "content-type" "content-digest"。'),
    _row("field-missing", "A covered field is not in the request", "被签名的头不在请求中",
         "Send the field that was signed; see that no proxy removes it.", "请发送被签名的头，并确认代理没有删除它。"),
    _row("parameter-missing", "created, nonce or keyid is absent", "缺少 created、nonce 或 keyid",
         "Give created, nonce, keyid and tag, and sign them.", "须给出 created、nonce、keyid、tag 并一并签名。"),
    _row("parameter-unknown", "There is a parameter that the profile has not", "存在协议之外的参数",
         "Use created, nonce, keyid, tag and, if you like, alg and expires only.", "只使用 created、nonce、keyid、tag，可选 alg 与 expires。"),
    _row("nonce-short", "The nonce has too few or too many characters", "nonce 长度不符",
         "Use base64url of 16 to 48 random bytes: 22 to 64 characters.", "请使用 16 至 48 个随机字节的 base64url（22 至 64 个字符）。"),
    _row("nonce-alphabet", "The nonce is not base64url without padding", "nonce 不是无填充的 base64url",
         "Replace + by -, / by _, and leave out =.", "将 + 换成 -、/ 换成 _，并去掉 =。"),
    _row("created-form", "created is not a plain integer", "created 不是整数",
         "Write created=1795376508: whole UNIX seconds without quotes.", "请写 created=1795376508，即不带引号的整秒 UNIX 时间。"),
    _row("signature-colons", "The signature is not between colons", "签名值没有写在冒号之间",
         "Write Signature: sig1=:<base64>:, without quotes.", "请写 Signature: sig1=:<base64>:，不加引号。"),
    _row("signature-base64url", "The signature is base64url or lacks its padding", "签名值是 base64url 或缺少填充",
         "Use standard base64 with its =.", "请使用带等号填充的标准 base64。"),
    # ---- host, key, clock ------------------------------------------------------------------
    _row("authority-port", "The port of the host is wrong or superfluous", "主机名中的端口有误或多余",
         "Send and sign the published host; leave out the scheme's default port.", "请发送并签名公布的主机名，省略协议默认端口。"),
    _row("authority-other", "Another host name was used", "使用了其他主机名",
         "Send and sign the host name that the gateway's operator published.", "请发送并签名网关公布的主机名。"),
    _row("authority-case", "The host was signed in upper case", "主机名以大写签名",
         "Write @authority in lower case.", "@authority 须为小写。"),
    _row("alg-wrong", "alg is not the key's algorithm", "alg 与密钥算法不符",
         "Write ecdsa-p256-sha256 or ed25519, as registered, or leave alg out.", "请按登记写 ecdsa-p256-sha256 或 ed25519，或省略 alg。"),
    _row("key-unknown", "No key is registered under this keyid", "该 keyid 没有登记密钥",
         "Send the keyid under which the key is registered, or have it registered.", "请发送登记时的 keyid，或先登记该密钥。"),
    _row("key-inactive", "The key is revoked, or not valid at that time", "密钥已吊销或不在有效期内",
         "Sign with a valid key of the agency, or have a new one registered.", "请使用该单位的有效密钥签名，或登记新密钥。"),
    _row("agency-disabled", "The agency is disabled", "用证单位已停用",
         "Ask the gateway's operator to enable it.", "请联系网关运营方启用该单位。"),
    _row("created-milliseconds", "created is in milliseconds", "created 使用了毫秒",
         "Divide by 1000: created is in whole seconds.", "请除以 1000：created 以整秒计。"),
    _row("clock-time-zone", "created is off by a time zone", "created 差一个时区",
         "Take UNIX seconds from UTC, not from local time.", "请使用 UTC 的 UNIX 秒，不要用本地时间换算。"),
    _row("clock-off", "The clock is off, or the request was kept too long", "时钟不准，或签名后搁置过久",
         "Synchronise the clock by NTP, and sign each request when it is sent.", "请用 NTP 校时，并在发送时签名。"),
    _row("expires-passed", "expires has passed", "expires 已过",
         "Set expires later than the sending, or leave it out.", "请将 expires 设在发送之后，或省略。"),
    # ---- digest and body -------------------------------------------------------------------
    _row("digest-hex", "The digest is in hexadecimal", "摘要使用了十六进制",
         "Write base64 of the 32 bytes between colons.", "请写冒号之间的 32 字节 base64。"),
    _row("digest-hex-in-base64", "The digest is base64 of the hexadecimal text", "摘要是十六进制文本的 base64",
         "Encode the 32 bytes themselves, not their hexadecimal text.", "请直接编码 32 个字节，而不是其十六进制文本。"),
    _row("digest-base64url", "The digest is base64url or lacks its padding", "摘要是 base64url 或缺少填充",
         "Use standard base64 with its =.", "请使用带等号填充的标准 base64。"),
    _row("digest-colons", "The digest is not between colons", "摘要没有写在冒号之间",
         "Write Content-Digest: sha-256=:<base64>:.", "请写 Content-Digest: sha-256=:<base64>:。"),
    _row("digest-algorithm", "Content-Digest has no sha-256", "Content-Digest 没有 sha-256",
         "Name the algorithm sha-256, in lower case.", "算法名须为小写的 sha-256。"),
    _row("digest-empty", "The digest is of an empty body", "摘要是空内容的摘要",
         "Compute the digest after the body was written.", "请在写好请求体之后计算摘要。"),
    _row("body-newline", "Line ends of the body differ from what was digested", "请求体的换行与计算摘要时不同",
         "Send the very bytes; with curl use --data-binary, not --data.", "请原样发送；curl 请用 --data-binary 而不是 --data。"),
    _row("body-reserialised", "The JSON was serialised again after the digest was made", "计算摘要后 JSON 被重新序列化",
         "Serialise once; digest, sign and send the same bytes.", "只序列化一次，对同一份字节计算摘要、签名并发送。"),
    _row("body-charset", "The digest is of another character encoding", "计算摘要时使用了其他字符编码",
         "Encode the body as UTF-8 without a byte order mark before the digest.", "请先以无 BOM 的 UTF-8 编码再计算摘要。"),
    _row("body-other", "The digest is of other content", "摘要对应的是其他内容",
         "Compare the sent bytes with the digested ones; look for a proxy that changes bodies.", "请比对发送字节与摘要字节，检查是否有代理改写。"),
    # ---- the signature itself --------------------------------------------------------------
    _row("signature-hex", "The signature is in hexadecimal", "签名值使用了十六进制",
         "Write base64 of the 64 bytes between colons.", "请写冒号之间的 64 字节 base64。"),
    _row("signature-der", "The signature is in DER", "签名值是 DER 编码",
         "Convert to r and s of 32 bytes each (IEEE P1363).", "请转换为各 32 字节的 r‖s（IEEE P1363）。"),
    _row("key-other", "It verifies under another key", "用另一把密钥可以验证",
         "Sign with the key that is registered under this keyid.", "请用该 keyid 登记的密钥签名。"),
    _row("method-case", "The method was signed in another case", "方法名大小写不符",
         "Sign POST in upper case.", "请以大写 POST 签名。"),
    _row("path-rewritten", "A proxy changed the path, or another one was signed", "路径被代理改写，或签了其他路径",
         "Sign the path that reaches the gateway, or let the proxy pass it unchanged.", "请签名到达网关的路径，或让代理原样转发。"),
    _row("path-form", "@path is a whole URL or holds the query", "@path 写成了完整 URL 或含查询串",
         "Sign the path alone; the query belongs to @query.", "@path 只写路径，查询串属于 @query。"),
    _row("query-mark", "The question mark of @query was left out", "@query 缺少问号",
         "@query begins with ?; without a query it is ? alone.", "@query 以 ? 开头；没有查询串时就是单独的 ?。"),
    _row("target-reencoded", "Path or query were percent-encoded anew", "路径或查询串被重新编码",
         "Sign the target exactly as it is sent, escapes untouched.", "请按发送的原样签名，不要改动百分号编码。"),
    _row("field-rewritten", "A covered field was changed after signing", "被签名的头在签名后被改动",
         "Set the field before signing, and see what the HTTP library or proxy sends.", "请先设置好头再签名，并核对 HTTP 库或代理实际发送的值。"),
    _row("components-order", "The lines were signed in another order than listed", "签名顺序与列出的顺序不同",
         "Build the base in the order of the list in Signature-Input.", "请按 Signature-Input 中列出的顺序构造。"),
    _row("parameters-rewritten", "The last line is not the member that was sent", "最后一行与发送的参数不一致",
         "Copy everything after label= into @signature-params, to the letter.", "请将标签等号之后的全部内容原样写入 @signature-params。"),
    _row("parameters-unsigned", "The line @signature-params was not signed", "没有签名 @signature-params 行",
         'End the base with "@signature-params": and the member.', '签名基串须以 "@signature-params": 行结尾。'),
    _row("base-newline", "The base ends in a line break", "签名基串末尾多了换行",
         "Sign no line break after the last line.", "最后一行之后不要换行。"),
    _row("base-crlf", "The base has CRLF line ends", "签名基串使用了 CRLF",
         "Join the lines by LF alone.", "请只用 LF 连接各行。"),
    _row("base-form", "Names in the base lack quotes, lower case or the space after the colon", "签名基串中名称缺少引号、小写或冒号后的空格",
         'Write each line as "name": value.', '每一行写作 "name": value。'),
    _row("hashed-twice", "The base was hashed before it was signed", "签名前又做了一次散列",
         "Give the base itself to the signing call; it hashes.", "请把签名基串本身交给签名函数，由它散列。"),
    _row("body-signed", "The body was signed instead of the signature base", "签的是请求体而不是签名基串",
         "Sign the signature base of RFC 9421 section 2.5.", "请按 RFC 9421 第 2.5 节对签名基串签名。"),
))
# fmt: on
