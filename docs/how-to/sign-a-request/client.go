// SPDX-License-Identifier: Apache-2.0

// go run client.go URL KEY.pem KEYID REQUEST.json: one signed lookup; standard library only.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	if len(os.Args) != 5 {
		log.Fatal("usage: go run client.go URL KEY.pem KEYID REQUEST.json")
	}
	target := must(url.Parse(os.Args[1] + "/v1/lookups"))
	block, _ := pem.Decode(must(os.ReadFile(os.Args[2])))
	if block == nil {
		log.Fatal("the key is not PEM")
	}
	key, isEC := must(x509.ParsePKCS8PrivateKey(block.Bytes)).(*ecdsa.PrivateKey)
	if !isEC {
		log.Fatal("the key is not P-256")
	}
	keyid := os.Args[3]
	body := must(os.ReadFile(os.Args[4])) // digested, signed and sent as it is

	digest := sha256.Sum256(body)
	covered := [][2]string{
		{"@method", "POST"},
		{"@authority", strings.ToLower(target.Host)}, // without the default port
		{"@path", target.EscapedPath()},
		{"@query", "?"},
		{"content-type", "application/json"},
		{"content-digest", "sha-256=:" + base64.StdEncoding.EncodeToString(digest[:]) + ":"},
	}
	names := make([]string, 0, len(covered))
	var base strings.Builder
	for _, line := range covered {
		names = append(names, `"`+line[0]+`"`)
		fmt.Fprintf(&base, "\"%s\": %s\n", line[0], line[1])
	}
	random := make([]byte, 18)
	must(rand.Read(random))
	member := fmt.Sprintf(`(%s);created=%d;nonce="%s";keyid="%s";tag="yizheng-v1"`,
		strings.Join(names, " "), time.Now().Unix(), base64.RawURLEncoding.EncodeToString(random), keyid)
	base.WriteString(`"@signature-params": ` + member)

	hashed := sha256.Sum256([]byte(base.String()))
	r, s, err := ecdsa.Sign(rand.Reader, key, hashed[:])
	if err != nil {
		log.Fatal(err)
	}
	signature := make([]byte, 64) // r‖s, never DER
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])

	request := must(http.NewRequest(http.MethodPost, target.String(), bytes.NewReader(body)))
	request.Header.Set("Content-Type", covered[4][1])
	request.Header.Set("Content-Digest", covered[5][1])
	request.Header.Set("Signature-Input", "sig1="+member)
	request.Header.Set("Signature", "sig1=:"+base64.StdEncoding.EncodeToString(signature)+":")
	answer := must(http.DefaultClient.Do(request))
	defer answer.Body.Close()
	fmt.Println(string(must(io.ReadAll(answer.Body))))
	if answer.StatusCode != http.StatusOK {
		os.Exit(1)
	}
}
