// SPDX-License-Identifier: Apache-2.0
// java SignedLookup.java URL KEY.pem KEYID REQUEST.json: one signed lookup; Java 17, no libraries.

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Instant;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.stream.Collectors;

public final class SignedLookup {
    public static void main(String[] arguments) throws Exception {
        var target = URI.create(arguments[0] + "/v1/lookups");
        var key = readKey(Path.of(arguments[1]));
        var keyid = arguments[2];
        var body = Files.readAllBytes(Path.of(arguments[3])); // digested, signed and sent as it is

        var digest = MessageDigest.getInstance("SHA-256").digest(body);
        var covered = new LinkedHashMap<String, String>(); // keeps the order
        covered.put("@method", "POST");
        covered.put("@authority", target.getAuthority().toLowerCase()); // no default port
        covered.put("@path", target.getRawPath());
        covered.put("@query", "?");
        covered.put("content-type", "application/json");
        covered.put("content-digest", "sha-256=:" + base64(digest) + ":");

        var random = new byte[18];
        new SecureRandom().nextBytes(random);
        var names = covered.keySet().stream().map(n -> '"' + n + '"').collect(Collectors.joining(" "));
        var member = "(%s);created=%d;nonce=\"%s\";keyid=\"%s\";tag=\"yizheng-v1\"".formatted(
                names, Instant.now().getEpochSecond(), Base64.getUrlEncoder().encodeToString(random), keyid);
        var base = covered.entrySet().stream()
                .map(line -> '"' + line.getKey() + "\": " + line.getValue() + "\n")
                .collect(Collectors.joining()) + "\"@signature-params\": " + member;

        // P1363Format is r‖s; without it Java prints DER, which is refused.
        var signer = Signature.getInstance("SHA256withECDSAinP1363Format");
        signer.initSign(key);
        signer.update(base.getBytes(StandardCharsets.US_ASCII));
        var request = HttpRequest.newBuilder(target)
                .header("Content-Type", covered.get("content-type"))
                .header("Content-Digest", covered.get("content-digest"))
                .header("Signature-Input", "sig1=" + member)
                .header("Signature", "sig1=:" + base64(signer.sign()) + ":")
                .POST(HttpRequest.BodyPublishers.ofByteArray(body))
                .build();
        var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        var answer = client.send(request, BodyHandlers.ofByteArray());
        System.out.write(answer.body());
        System.out.flush();
        System.exit(answer.statusCode() == 200 ? 0 : 1);
    }

    private static PrivateKey readKey(Path file) throws Exception {
        var pem = Files.readString(file).replaceAll("-----[A-Z ]+-----", "");
        var der = Base64.getMimeDecoder().decode(pem);
        return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(der));
    }

    private static String base64(byte[] bytes) {
        return Base64.getEncoder().encodeToString(bytes);
    }
}
